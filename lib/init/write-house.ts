/** Puts a new config into its folder: all of it, or nothing. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { refuseCommittable } from "../committable.ts";
import { ClawError } from "../errors.ts";
import { configFile, credentialsFolder, envFile, type HouseFile, postgresEnvFile, registrationFile } from "./house.ts";

/**
 * Throws ClawError where no config could be put there: one is there already, git could commit its secrets, or this user may not
 * write. To be asked before anybody has to answer questions.
 */
export function refuseFolder(directory: string, credentials: boolean): void {
  refusePresent(directory, [configFile, envFile, credentialsFolder, registrationFile, postgresEnvFile]);
  refuseCommittable(join(directory, credentials ? join(credentialsFolder, "openclaw-key") : envFile));
  let nearest = directory;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    rmdirSync(mkdtempSync(join(nearest, ".claw-init-")));
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

/**
 * Writes the files below `directory`, which is made where it is missing. They are first made aside and shown to `check`, by the
 * folder they are in, which throws where they will not do. Whatever goes wrong, nothing stays.
 */
export function writeHouse(directory: string, files: readonly HouseFile[], check: (folder: string) => void): void {
  refusePresent(
    directory,
    files.map(({ path }) => path),
  );
  for (const { path, mode } of files) if (mode === 0o600) refuseCommittable(join(directory, path));
  const undo: (() => void)[] = [];
  try {
    const made = makeFolder(directory, 0o755);
    if (made !== undefined) undo.push(() => removeEmpty(directory, made));
    const aside = mkdtempSync(join(directory, ".claw-init-"));
    try {
      for (const file of files) write(aside, file);
      check(aside);
      for (const { path, mode } of files) {
        const target = join(directory, path);
        const folder = makeFolder(dirname(target), mode === 0o600 ? 0o700 : 0o755);
        if (folder !== undefined) undo.push(() => removeEmpty(dirname(target), folder));
        // A link is refused where somebody has put a file there meanwhile; a rename would replace it.
        linkSync(join(aside, path), target);
        undo.push(() => unlinkSync(target));
      }
    } finally {
      rmSync(aside, { recursive: true });
    }
  } catch (thrown) {
    for (const step of undo.reverse()) step();
    throw thrown instanceof ClawError ? thrown : unwritable(directory, thrown);
  }
}

/** What the system refused, in words; anything else as it is. */
function unwritable(directory: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("code" in cause)) return cause;
  return new ClawError(
    "environment",
    `${directory} cannot be written (${String(cause.code)}), and nothing was: run this as a user who may, or name another folder by --dir`,
    { cause },
  );
}

/** Makes a folder with all above it that are missing, of this mode whatever the umask is. Returns the first that was made. */
function makeFolder(folder: string, mode: number): string | undefined {
  const first = mkdirSync(folder, { recursive: true });
  if (first !== undefined) for (let at = folder; at.length >= first.length; at = dirname(at)) chmodSync(at, mode);
  return first;
}

function write(folder: string, { path, mode, text }: HouseFile): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  // Not by open(): the umask would take from it.
  chmodSync(file, mode);
}

function refusePresent(directory: string, paths: readonly string[]): void {
  const present = paths.filter((path) => existsSync(join(directory, path)));
  if (present.length === 0) return;
  const what = present.includes(configFile)
    ? `edit it (and run \`claw check\`), or make another one elsewhere by --dir`
    : "move what you need of that away, or name another folder by --dir";
  throw new ClawError(
    "bad_request",
    `${directory} has ${present.join(", ")} already, and nothing was changed: ${what}`,
  );
}

/** Removes the folders that were made, from the last to the first of them, as far as nobody else has put something there. */
function removeEmpty(last: string, first: string): void {
  try {
    for (let at = last; at.length >= first.length; at = dirname(at)) rmdirSync(at);
  } catch {
    // Somebody else's file is in it: the folder is theirs now.
  }
}
