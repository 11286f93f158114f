import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { refuseCommittable } from "./committable.ts";
import { ClawError } from "./errors.ts";

/**
 * Writes a file that holds secrets, whole or not at all, and returns its absolute path. `mode`: 0600 unless given. Throws
 * ClawError where it is there already (unless `replace`), or where git could commit it in the clear.
 */
export function writeSecretFile(file: string, content: string, replace: boolean, mode = 0o600): string {
  const target = resolve(file);
  refuseCommittable(target);
  if (existsSync(target) && !replace)
    throw new ClawError("bad_request", `${target} is there already: --force replaces it, and its tokens with it`);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const fresh = `${target}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  const descriptor = openSync(fresh, "wx", 0o600);
  try {
    writeFileSync(descriptor, content);
  } finally {
    closeSync(descriptor);
  }
  // Not by open(): the umask would take from it.
  chmodSync(fresh, mode);
  renameSync(fresh, target);
  return target;
}
