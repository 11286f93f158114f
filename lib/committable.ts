/** Whether git could commit a file in the clear. */
import { execFileSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { ClawError } from "./errors.ts";

/**
 * Throws ClawError where a file lies in a git work tree, unless git ignores it or git-crypt encrypts it. The file need not exist
 * yet. Where git cannot say, it counts as committable.
 */
export function refuseCommittable(file: string): void {
  const target = resolve(file);
  const tree = workTreeOf(dirname(target));
  if (tree === undefined) return;
  const inside = relative(tree, join(realPath(dirname(target)), basename(target)));
  if (isIgnored(tree, inside) || isEncrypted(tree, inside)) return;
  throw new ClawError(
    "bad_request",
    `${target} is inside the git work tree ${tree} and could be committed in the clear: name a place outside of it, list it in .gitignore, or let git-crypt encrypt it (.gitattributes, and the tree unlocked)`,
  );
}

/** The git work tree a directory is in, symbolic links followed; the directory need not exist yet. */
function workTreeOf(directory: string): string | undefined {
  for (let at = realPath(directory); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** A path without symbolic links, of which the last parts need not exist yet. */
function realPath(path: string): string {
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  return join(realpathSync(existing), relative(existing, path));
}

/** What is tracked counts as not ignored, whatever .gitignore says. */
const isIgnored = (tree: string, file: string): boolean => git(tree, "check-ignore", "--", file) !== undefined;

/** Named by .gitattributes and set up: an attribute whose filter is not configured changes nothing. */
function isEncrypted(tree: string, file: string): boolean {
  const filter = git(tree, "check-attr", "-z", "filter", "--", file)?.split("\0")[2] ?? "";
  return /^git-crypt(-[\w-]+)?$/.test(filter) && Boolean(git(tree, "config", `filter.${filter}.clean`)?.trim());
}

/** What git says; undefined where it says no, or nothing. */
function git(tree: string, ...argv: string[]): string | undefined {
  try {
    return execFileSync("git", ["-C", tree, ...argv], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}
