/** Backups as files of a folder: written whole or not at all, and the oldest of them taken away. */
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { ClawError, messageOf } from "../errors.ts";

const named = /^openclaw-\d{4}-\d{2}-\d{2}T\d{6}Z\.tar\.gz\.age$/;
const partial = /^\.openclaw-[^/]*\.part$/;
const dayMs = 86_400_000;

/** `openclaw-2026-11-29T080000Z.tar.gz.age`: sorted by name is sorted by time. */
export const backupName = (at: Date): string =>
  `openclaw-${at.toISOString().slice(0, 19).replaceAll(":", "")}Z.tar.gz.age`;

/** Where `--to` leads: a folder that is there or ends with "/", else a file. */
export async function backupPath(to: string, at: Date): Promise<string> {
  const found = await stat(to).catch(() => undefined);
  return found?.isDirectory() || to.endsWith("/") ? join(to, backupName(at)) : to;
}

/**
 * Has a file written under a name of its own, readable for this user alone, and gives it its name once it is on the disk. Throws
 * ClawError `bad_request` where a file of that name is there.
 */
export async function writeWhole<Of>(path: string, write: (sink: Writable) => Promise<Of>): Promise<Of> {
  const folder = dirname(path);
  const draft = join(folder, `.openclaw-${process.pid}-${basename(path)}.part`);
  if (await exists(path)) throw new ClawError("bad_request", `${path} is there already: name another file`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    const written = await write(handle.createWriteStream({ flush: true }));
    await rename(draft, path);
    const opened = await open(folder, "r");
    await opened.sync().finally(() => opened.close());
    return written;
  } catch (thrown) {
    await rm(draft, { force: true });
    if (typeof (thrown as NodeJS.ErrnoException).syscall !== "string") throw thrown;
    throw new ClawError("environment", `${path} cannot be written: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Removes all but the newest backups of a folder, by their names, and what a killed backup left there. Returns the names of those that are gone. */
export async function keepNewest(folder: string, keep: number, now: Date): Promise<string[]> {
  const names = (await readdir(folder)).sort();
  const gone = names.filter((name) => named.test(name)).slice(0, -keep);
  for (const name of gone) await rm(join(folder, name), { force: true });
  for (const name of names.filter((each) => partial.test(each))) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && now.getTime() - found.mtimeMs > dayMs) await rm(join(folder, name), { force: true });
  }
  return gone;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
