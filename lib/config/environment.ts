/** The process environment as read once; the only place that touches process.env. */
export class Environment {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: Readonly<Record<string, string | undefined>>) {
    this.#values = new Map(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  /** A variable as set, or undefined; inherited names such as "constructor" are never found. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** OPENCLAW_CONFIG: where openclaw.toml is. */
  get configFile(): string {
    return this.get("OPENCLAW_CONFIG") || "./openclaw.toml";
  }

  /** DATABASE_URL: the database where openclaw.toml names none; undefined for the embedded one. */
  get databaseUrl(): string | undefined {
    return this.get("DATABASE_URL") || undefined;
  }

  /** Whether traces are wanted: an OTLP endpoint is named, and OpenTelemetry is not switched off. */
  get traces(): boolean {
    const endpoint = this.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || this.get("OTEL_EXPORTER_OTLP_ENDPOINT");
    return Boolean(endpoint) && this.get("OTEL_SDK_DISABLED")?.toLowerCase() !== "true";
  }
}

/** The environment of this process. */
export const readEnvironment = (): Environment => new Environment(process.env);
