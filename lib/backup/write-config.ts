/** The config of a backup as files again, on a machine that has none. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { ClawError, messageOf } from "../errors.ts";
import { oneLine } from "../one-line.ts";
import { entryNames } from "./format.ts";
import { archiveEntries, digested, type SealedArchive, type VerifiedArchive } from "./read-archive.ts";

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
 * operator knows where they belong on this machine. Files with secrets are 0600; folders made here are 0755, as a service of another
 * user needs them, but 0700 where they hold secrets. The archive is read a second time here: what is not as it was verified gets
 * no name that anything reads, and throws ClawError `bad_request`; `environment` where a file cannot be written.
 */
export async function writeConfig(
  archive: SealedArchive,
  folder: string,
  { manifest, contents }: Pick<VerifiedArchive, "manifest" | "contents">,
): Promise<WrittenConfig> {
  refuseFull(folder);
  const files: string[] = [];
  const left = new Map(contents.entries.map(({ name, sha256 }) => [name, sha256]));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    for await (const { name, mode, bytes } of archiveEntries(archive)) {
      if (name.startsWith(entryNames.tables)) break;
      const path = pathOf(folder, name);
      if (path === undefined) continue;
      if (files.includes(path)) throw foreign(name);
      mkdirSync(dirname(path), { recursive: true, mode: mode & 0o044 ? 0o755 : 0o700 });
      const written = await writeAs(path, { bytes, mode: (mode & 0o700) | (mode & 0o044), sha256: left.get(name) });
      if (!written) throw changed(archive, folder);
      left.delete(name);
      files.push(path);
    }
  } catch (thrown) {
    if (typeof (thrown as NodeJS.ErrnoException).syscall !== "string") throw thrown;
    throw new ClawError("environment", `the config cannot be written: ${oneLine(messageOf(thrown), 500)}`, {
      cause: thrown,
    });
  }
  if ([...left.keys()].some((name) => pathOf(folder, name) !== undefined)) throw changed(archive, folder);
  const moved = Object.entries(manifest.elsewhere).flatMap(([name, was]) => {
    const at = pathOf(folder, name);
    return at !== undefined && files.includes(at) ? [{ at, was }] : [];
  });
  return { files, elsewhere: moved };
}

/** Writes a file, of which no more than a chunk is held, and gives it its name if it has that digest. Returns whether it has. */
async function writeAs(
  path: string,
  {
    bytes,
    mode,
    sha256,
  }: { readonly bytes: AsyncIterable<Uint8Array>; readonly mode: number; readonly sha256: string | undefined },
): Promise<boolean> {
  const draft = `${path}.part`;
  const digest = createHash("sha256");
  await writeFile(draft, digested(bytes, digest), { mode, flag: "wx", flush: true });
  const same = digest.digest("hex") === sha256;
  await (same ? rename(draft, path) : rm(draft));
  return same;
}

const changed = ({ file }: SealedArchive, folder: string): ClawError =>
  new ClawError(
    "bad_request",
    `${file} was changed while it was restored: see who may write to it, remove ${folder}, and begin again with another copy`,
  );

const foreign = (name: string): ClawError =>
  new ClawError(
    "bad_request",
    `the backup has a file "${oneLine(name, 200)}", which is none of a config: it is not restored`,
  );

/** Never outside of the folder, whatever an archive says. */
function pathOf(folder: string, name: string): string | undefined {
  const inside = name.startsWith(entryNames.config) ? name.slice(entryNames.config.length) : name;
  if (inside === name && !name.startsWith(entryNames.elsewhere)) return undefined;
  if (inside === "" || inside.startsWith("/") || inside.includes("\0") || /^\.\.(\/|$)/.test(normalize(inside)))
    throw foreign(name);
  return join(folder, inside);
}
