/** Units on disk: written whole or not at all, and only over files that were written for the same config. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClawError } from "../errors.ts";
import { marker, type Unit, unitPrefix } from "./timers.ts";

/** Which files of a folder were changed, by their names. */
export interface Written {
  readonly written: readonly string[];
  /** Those of jobs that are gone. */
  readonly removed: readonly string[];
}

/** Makes a folder hold exactly these units of a config; nothing is changed where a file that is not ours is in the way. */
export function writeUnits(directory: string, config: string, units: readonly Unit[]): Written {
  mkdirSync(directory, { recursive: true });
  const there = new Map(
    readdirSync(directory)
      .filter((name) => name.startsWith(unitPrefix) && /\.(timer|service)$/.test(name))
      .map((name) => [name, textOf(join(directory, name))]),
  );
  const ours = (text: string | undefined): boolean => text?.startsWith(`${marker(config)}\n`) === true;
  for (const { name } of units)
    if (there.has(name) && !ours(there.get(name)))
      throw new ClawError(
        "environment",
        `${join(directory, name)} was not written by \`claw timers systemd\` for ${config}: remove it, or give another --dir`,
      );
  const changed = units.filter(({ name, text }) => there.get(name) !== text);
  for (const { name, text } of changed) {
    const draft = join(directory, `.${name}.${process.pid}`);
    writeFileSync(draft, text, { mode: 0o644 });
    renameSync(draft, join(directory, name));
  }
  const gone = [...there].filter(([name, text]) => ours(text) && !units.some((unit) => unit.name === name));
  for (const [name] of gone) {
    rmSync(join(directory, name));
    // Left behind by `systemctl enable`, which cannot take it away once the unit is gone.
    rmSync(join(directory, "timers.target.wants", name), { force: true });
  }
  return { written: changed.map(({ name }) => name), removed: gone.map(([name]) => name) };
}

/** Undefined: it is no plain file, and so not ours. */
const textOf = (file: string): string | undefined =>
  lstatSync(file).isFile() ? readFileSync(file, "utf8") : undefined;
