/** The config of a backup as files again, on a machine that has none. */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ClawError, messageOf } from "../errors.ts";
import { entryNames } from "./format.ts";
import { archiveEntries, type SealedArchive } from "./read-archive.ts";

/** What was written. */
export interface WrittenConfig {
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Files that belong elsewhere: where they are now, and where they were. */
  readonly elsewhere: readonly { readonly at: string; readonly was: string }[];
}

/** Throws ClawError `bad_request` where the folder holds anything. */
export function refuseFull(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new ClawError("bad_request", `${folder} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
  if (names.length > 0)
    throw new ClawError(
      "bad_request",
      `${folder} is not empty, and nothing is written over: name another by --dir, or move what is there away. Where the config is there already, --only-database restores the rest`,
    );
}

/**
 * Writes the config into an empty or absent folder, openclaw.toml last; files from elsewhere go into `elsewhere/` there, as only the
 * operator knows where they belong on this machine. Files with secrets are 0600; into a folder made here may look who may read a file
 * in it, as a container's user reads what is root's.
 */
export async function writeConfig(
  archive: SealedArchive,
  folder: string,
  elsewhere: Readonly<Record<string, string>>,
): Promise<WrittenConfig> {
  refuseFull(folder);
  const files: string[] = [];
  const made = new Map<string, number>();
  for await (const { name, mode, bytes } of archiveEntries(archive)) {
    if (name.startsWith(entryNames.tables)) break;
    const path = pathOf(folder, name);
    const parts: Uint8Array[] = [];
    for await (const chunk of bytes) parts.push(chunk);
    if (path === undefined) continue;
    makeFolder(dirname(path), made);
    writeFileSync(path, Buffer.concat(parts), { mode: (mode & 0o700) | (mode & 0o044), flag: "wx", flush: true });
    openFolders(path, mode, made);
    files.push(path);
  }
  const moved = Object.entries(elsewhere).flatMap(([name, was]) => {
    const at = pathOf(folder, name);
    return at !== undefined && files.includes(at) ? [{ at, was }] : [];
  });
  return { files, elsewhere: moved };
}

function makeFolder(folder: string, made: Map<string, number>): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder), made);
  mkdirSync(folder, { mode: 0o700 });
  made.set(folder, 0o700);
}

/** Of the folders that were made, those above the file. */
function openFolders(file: string, mode: number, made: Map<string, number>): void {
  const others = mode & 0o044;
  for (const [folder, was] of made) {
    if (!file.startsWith(`${folder}/`)) continue;
    const open = was | others | (others >> 2);
    if (open === was) continue;
    chmodSync(folder, open);
    made.set(folder, open);
  }
}

/** Never outside of the folder, whatever an archive says. */
function pathOf(folder: string, name: string): string | undefined {
  const inside = name.startsWith(entryNames.config) ? name.slice(entryNames.config.length) : name;
  if (inside === name && !name.startsWith(entryNames.elsewhere)) return undefined;
  if (inside === "" || inside.startsWith("/") || inside.includes("\0") || normalize(inside).startsWith(".."))
    throw new ClawError(
      "bad_request",
      `the backup has a file "${name}", which is none of a config: it is not restored`,
    );
  return join(folder, inside);
}
