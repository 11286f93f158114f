/** What the commands that write units of systemd have in common. */
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { draftOf } from "../../lib/config/draft.ts";
import { secretRefs } from "../../lib/config/secrets.ts";
import type { SecretRef } from "../../lib/config/schema.ts";
import { readToml } from "../../lib/config/toml.ts";
import { ClawError } from "../../lib/errors.ts";
import { type Author, writeUnits, writtenUnits } from "../../lib/systemd/unit-files.ts";
import type { Manager, Unit } from "../../lib/systemd/unit.ts";
import type { CommandContext } from "./context.ts";

/** The options of both. */
export interface SystemdOptions {
  readonly user?: boolean;
  readonly system?: boolean;
  readonly dir?: string;
  readonly configPath?: string;
  readonly credentials?: string;
  readonly encrypted?: boolean;
}

/** Adds them to a command. */
export const withSystemdOptions = (command: Command): Command =>
  command
    .option("--user", "for a user's manager (default, unless run as root)")
    .option("--system", "for the system's manager")
    .option("--dir <dir>", "write them there: ~/.config/systemd/user, or /etc/systemd/system")
    .option("--config-path <path>", "where the gateway will find the config, if not where it is now")
    .option("--credentials <dir>", "holds a file a credential (default: credentials beside the config)")
    .option("--encrypted", "those files were made by systemd-creds encrypt (default: as the units in --dir have it)")
    .option("--no-encrypted", "they were not");

/** What the units are for, told by options or by the place of the config. */
export interface Deployed {
  readonly manager: Manager;
  /** Absolute path of the config, as the gateway finds it. */
  readonly config: string;
  readonly credentials: string;
  readonly encrypted: boolean;
  /** The units that are in --dir already, which an upgrade writes anew. */
  readonly before: ReadonlyMap<string, string>;
}

/** `file`: the config that was read. Throws ClawError `bad_request`. */
export function deployedOf(options: SystemdOptions, file: string, author: Omit<Author, "config">): Deployed {
  const { user, system, configPath, credentials } = options;
  if (user && system) throw new ClawError("bad_request", "--user and --system: name one of them");
  const config = resolve(configPath ?? file);
  const before =
    options.dir === undefined ? new Map<string, string>() : writtenUnits(resolve(options.dir), { ...author, config });
  const encrypted = options.encrypted ?? [...before.values()].some((text) => /^LoadCredentialEncrypted=/m.test(text));
  return {
    manager: system || (!user && process.getuid?.() === 0) ? "system" : "user",
    config,
    credentials: credentials === undefined ? join(dirname(config), "credentials") : resolve(credentials),
    encrypted,
    before,
  };
}

/** The secrets that a config refers to, by their keys. */
export const secretsOf = (file: string): ReadonlyMap<string, SecretRef> => new Map(secretRefs(draftOf(readToml(file))));

/** Prints the units, or writes them where `--dir` says; returns what was removed there, undefined where nothing was written. */
export function deliverUnits(
  context: CommandContext,
  { dir }: SystemdOptions,
  author: Author,
  units: readonly Unit[],
): readonly string[] | undefined {
  if (dir === undefined) {
    for (const { name, text } of units) context.out(`# ${name}\n${text}`);
    return undefined;
  }
  const { written, removed } = writeUnits(resolve(dir), author, units);
  for (const name of written) context.out(`wrote ${name}`);
  for (const name of removed) context.out(`removed ${name}`);
  if (written.length + removed.length === 0) context.out("Everything is as it should be.");
  return removed;
}
