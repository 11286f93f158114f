/** An env_file as it is changed: some of its values, whole or not at all, with everything else in it as it was. */
import {
  chownSync,
  closeSync,
  fchmodSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { ClawError, messageOf } from "../errors.ts";

/** What systemd, compose and Node all read in the same way without quotes. */
const plain = /^[A-Za-z0-9_./:@%+=,-]*$/;

/**
 * Sets `NAME=value` lines, in their place where there are any, else at the end; the file, which must be there, is 0600 and keeps its owner. Throws ClawError
 * `bad_request` where a value could be read in more than one way, `environment` where the file cannot be written.
 */
export function setInEnvFile(file: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values))
    if (!plain.test(value))
      throw new ClawError("bad_request", `${name} has characters that not every reader of ${file} takes as they are`);
  const target = resolve(file);
  try {
    write(target, readFileSync(target, "utf8"), values);
  } catch (cause) {
    if (cause instanceof ClawError) throw cause;
    throw new ClawError("environment", `${target} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

function write(target: string, before: string, values: Readonly<Record<string, string>>): void {
  const owner = statSync(target);
  const draft = `${target}.${process.pid}.new`;
  rmSync(draft, { force: true });
  const descriptor = openSync(draft, "wx", 0o600);
  try {
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, withValues(before, values));
  } finally {
    closeSync(descriptor);
  }
  if (owner.uid !== process.getuid?.() || owner.gid !== process.getgid?.()) chownSync(draft, owner.uid, owner.gid);
  renameSync(draft, target);
}

function withValues(before: string, values: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(values));
  const lines = before.replace(/\n$/, "").split("\n");
  const changed = lines.map((line) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1] ?? "";
    const value = values[name];
    if (!Object.hasOwn(values, name) || value === undefined) return line;
    left.delete(name);
    return `${name}=${value}`;
  });
  return `${[...changed, ...[...left].map(([name, value]) => `${name}=${value}`)].join("\n")}\n`;
}
