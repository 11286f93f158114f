/** An env_file as it is changed: some of its values, whole or not at all, with everything else in it as it was. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { refuseCommittable } from "../committable.ts";
import { ClawError, messageOf } from "../errors.ts";
import { replaceFile } from "../secret-file.ts";

/** What systemd, compose and Node all read in the same way without quotes. */
const plain = /^[A-Za-z0-9_./:@%+=,-]*$/;

/**
 * Sets `NAME=value` lines, in their place where there are any, else at the end. The file must be there, or what a link leads to;
 * it is 0600 then and keeps its owner. Throws ClawError `bad_request` where a value could be read in more than one way, or git
 * could commit the file in the clear, `environment` where it cannot be written.
 */
export function setInEnvFile(file: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values))
    if (!plain.test(value))
      throw new ClawError("bad_request", `${name} has characters that not every reader of ${file} takes as they are`);
  try {
    const target = realpathSync(file);
    refuseCommittable(target);
    replaceFile(target, withValues(readFileSync(target, "utf8"), values), { mode: 0o600, owner: statSync(target) });
  } catch (cause) {
    if (cause instanceof ClawError) throw cause;
    throw new ClawError("environment", `${file} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

function withValues(before: string, values: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(values));
  const lines = before.replace(/\n$/, "").split("\n");
  const changed = lines.map((line) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1] ?? "";
    const value = values[name];
    if (!Object.hasOwn(values, name) || value === undefined) return line;
    left.delete(name);
    // Without `export`: before an empty value, Node takes it for a part of the name.
    return `${name}=${value}`;
  });
  return `${[...changed, ...[...left].map(([name, value]) => `${name}=${value}`)].join("\n")}\n`;
}
