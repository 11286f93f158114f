import { ClawError } from "../errors.ts";

/** One thing wrong with the config: where, what, and how to mend it. `key` is empty where the whole file is meant. */
export interface Problem {
  readonly file: string;
  /** Such as `agents.ops.tools[1]`. */
  readonly key: string;
  readonly problem: string;
  readonly fix: string;
  /** Whether it may be over by itself at a later start: a secret that is not there yet. */
  readonly mayPass?: boolean;
}

/** Collects what every stage of loading finds wrong in one file. */
export class Problems {
  readonly file: string;
  readonly found: Problem[] = [];

  constructor(file: string) {
    this.file = file;
  }

  add(key: string, problem: string, fix: string): void {
    this.found.push({ file: this.file, key, problem, fix });
  }

  /** Adds one that may be over by itself at a later start. */
  addPassing(key: string, problem: string, fix: string): void {
    this.found.push({ file: this.file, key, problem, fix, mayPass: true });
  }

  /** Throws ConfigError where anything was found. */
  throwIfAny(): void {
    if (this.found.length > 0) throw new ConfigError(this.found);
  }
}

/** Everything that is wrong with a config, one line a problem. */
export class ConfigError extends ClawError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], cause?: unknown) {
    super("config_invalid", problems.map(render).join("\n"), { cause });
    this.name = "ConfigError";
    this.problems = problems;
  }

  /** Whether a later start may succeed though nobody changes anything: every problem may pass. */
  get mayPass(): boolean {
    return this.problems.every(({ mayPass }) => mayPass === true);
  }
}

/** The exit code of a gateway whose config is invalid (EX_CONFIG of sysexits.h): no later start mends that. */
export const invalidConfigExit = 78;

/** The exit code of a gateway that lacks nothing but secrets which cannot be read now (EX_TEMPFAIL): a later start may. */
export const secretAwayExit = 75;

const render = ({ file, key, problem, fix }: Problem): string => `${file}: ${key && `${key}: `}${problem}; ${fix}`;

/** A path of keys and indexes as TOML would write it: `groups.family.members[1]`. */
export const keyPath = (path: readonly PropertyKey[]): string =>
  path
    .map((part, at) => {
      if (typeof part === "number") return `[${part}]`;
      const name = String(part);
      return (at > 0 ? "." : "") + (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name));
    })
    .join("");
