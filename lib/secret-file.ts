import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { refuseCommittable } from "./committable.ts";
import { ClawError, messageOf } from "./errors.ts";

/**
 * Writes a file that holds secrets, whole or not at all, and returns its absolute path. `mode`: 0600 unless given. Throws
 * ClawError where `refuseSecretFile` does, or where it cannot be written.
 */
export function writeSecretFile(file: string, content: string, replace: boolean, mode = 0o600): string {
  refuseSecretFile(file, replace);
  const target = resolve(file);
  try {
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    replaceFile(target, content, { mode });
  } catch (cause) {
    throw new ClawError("environment", `${target} cannot be written: ${messageOf(cause)}`, { cause });
  }
  return target;
}

/** Throws ClawError where the file is there already (unless `replace`), or where git could commit it in the clear. */
export function refuseSecretFile(file: string, replace: boolean): void {
  const target = resolve(file);
  refuseCommittable(target);
  if (existsSync(target) && !replace)
    throw new ClawError("bad_request", `${target} is there already: --force replaces it, with all that it holds`);
}

/** Makes or replaces a file, whole or not at all; meanwhile nobody else may read it. `owner`: left out, this user. */
export function replaceFile(
  target: string,
  content: string,
  { mode, owner }: { readonly mode: number; readonly owner?: { readonly uid: number; readonly gid: number } },
): void {
  const fresh = `${target}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  try {
    writeFileSync(fresh, content, { mode: 0o600, flag: "wx", flush: true });
    // Not when it is made: the umask would take from it.
    chmodSync(fresh, mode);
    if (owner && (owner.uid !== process.getuid?.() || owner.gid !== process.getgid?.()))
      chownSync(fresh, owner.uid, owner.gid);
    renameSync(fresh, target);
  } catch (thrown) {
    rmSync(fresh, { force: true });
    throw thrown;
  }
}
