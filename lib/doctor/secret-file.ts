/** A file that holds secrets: who may read it, and whether git has it in plain. */
import { execFile } from "node:child_process";
import { open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { fail, type Finding, warn } from "./check.ts";

/** What is wrong with it; an empty list: nothing. */
export type SecretFile = "absent" | readonly Finding[];

/** By others, and to be written by the group: its group may read it, as services' files are. */
const tooOpen = 0o027;

/** How a file that git-crypt keeps begins while it is locked. */
const lockedMark = "\0GITCRYPT\0";

export async function lookAtSecretFile(file: string): Promise<SecretFile> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return "absent";
  const locked = await lockOf(file);
  if (locked) return [locked];
  const mode = found.mode & 0o777;
  return [
    ...((mode & tooOpen) === 0
      ? []
      : [warn(`${file} may be read or written by others (mode ${mode.toString(8)})`, `chmod 600 ${file}`)]),
    ...((await isInGitInPlain(file))
      ? [
          fail(
            `${file} is in git without encryption`,
            "list it in .gitattributes for git-crypt, or take it out of git (git rm --cached); then rotate what it holds",
          ),
        ]
      : []),
  ];
}

/** That git-crypt has locked the file; undefined: it has not, or the file is not there or not for this user's eyes. */
export async function lockOf(file: string): Promise<Finding | undefined> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(lockedMark.length));
    const locked = buffer.subarray(0, bytesRead).toString("latin1") === lockedMark;
    return locked ? fail(`${file} is locked by git-crypt`, "in its folder: git-crypt unlock") : undefined;
  } catch {
    return undefined;
  }
}

/** Without git, or outside of a work tree, it is not. */
async function isInGitInPlain(file: string): Promise<boolean> {
  const git = (...args: string[]) => promisify(execFile)("git", ["-C", dirname(file), ...args], { timeout: 5_000 });
  try {
    await git("ls-files", "--error-unmatch", "--", basename(file));
    const { stdout } = await git("check-attr", "filter", "--", basename(file));
    return !/: filter: git-crypt/.test(stdout);
  } catch {
    return false;
  }
}
