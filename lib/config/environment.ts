import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import { ClawError, messageOf } from "../errors.ts";

type Values = Readonly<Record<string, string | undefined>>;

/** The process environment as read once; the only place that touches process.env. */
export class Environment {
  readonly #values: ReadonlyMap<string, string>;
  readonly #file: ReadonlyMap<string, string>;

  /** `file`: what the file beside the config sets; the process's own values win. */
  constructor(values: Values, file: Values = {}) {
    this.#values = mapOf(values);
    this.#file = mapOf(file);
  }

  /** A variable as set, or undefined; inherited names such as "constructor" are never found. */
  get(name: string): string | undefined {
    return this.#values.get(name) ?? this.#file.get(name);
  }

  /** OPENCLAW_CONFIG: where openclaw.toml is; else ./openclaw.toml, else where `claw init` puts it. */
  get configFile(): string {
    const given = this.#values.get("OPENCLAW_CONFIG");
    if (given) return given;
    return ["./openclaw.toml", "./config/openclaw.toml"].find((file) => existsSync(file)) ?? "./openclaw.toml";
  }

  /** CREDENTIALS_DIRECTORY: where systemd puts a service's credentials. */
  get credentialsDirectory(): string | undefined {
    return this.get("CREDENTIALS_DIRECTORY") || undefined;
  }

  /** container: that this is one, by the word of its image (https://systemd.io/CONTAINER_INTERFACE). */
  get contained(): boolean {
    return Boolean(this.#values.get("container"));
  }

  /** DATABASE_URL: the database where openclaw.toml names none; undefined for the embedded one. */
  get databaseUrl(): string | undefined {
    return this.get("DATABASE_URL") || undefined;
  }

  /** Whether traces are wanted: an OTLP endpoint is named, and OpenTelemetry is not switched off. It reads the process's own alone. */
  get traces(): boolean {
    const own = (name: string): string | undefined => this.#values.get(name);
    const endpoint = own("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || own("OTEL_EXPORTER_OTLP_ENDPOINT");
    return Boolean(endpoint) && own("OTEL_SDK_DISABLED")?.toLowerCase() !== "true";
  }

  /** Whether output may be coloured: to a terminal, unless NO_COLOR is set to anything (https://no-color.org). */
  colours(terminal: boolean): boolean {
    return terminal && !this.#values.get("NO_COLOR") && this.#values.get("TERM") !== "dumb";
  }
}

const mapOf = (values: Values): ReadonlyMap<string, string> =>
  new Map(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));

/**
 * The environment of this process, and for what that lacks the `.env` beside the config, where there is one that this user may
 * read, and `otherwise`. `configFile`: as the command line names it. Throws ClawError `environment`.
 */
export function readEnvironment(configFile?: string, otherwise: Values = {}): Environment {
  const file = join(dirname(configFile ?? new Environment(process.env).configFile), ".env");
  return new Environment(process.env, { ...otherwise, ...readEnvFile(file) });
}

/** The variables of an env_file, as Node reads `NAME=value` lines. None where there is no file, or not for this user's eyes. */
export function readEnvFile(file: string): Values {
  try {
    return parseEnv(readFileSync(file, "utf8"));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return {};
    throw new ClawError("environment", `${file} cannot be read (${code ?? messageOf(cause)})`, { cause });
  }
}
