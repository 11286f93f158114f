/** Units on disk: written whole or not at all, and only over files that were written for the same config. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ClawError } from "../errors.ts";
import { marker, type Unit } from "./unit.ts";

/** Who writes: a command, for a config. */
export interface Author {
  readonly command: string;
  readonly config: string;
  /** Which names it may use: those of its files that it does not write any more are removed. */
  readonly names: RegExp;
}

/** Which files of a folder were changed, by their names. */
export interface Written {
  readonly written: readonly string[];
  /** Those that are not wanted any more. */
  readonly removed: readonly string[];
}

/** The units of a config that a folder has by its command, by their names; none where there is no such folder. */
export function writtenUnits(directory: string, { command, config, names }: Author): ReadonlyMap<string, string> {
  const units = [...unitsIn(directory, names)];
  return new Map(units.filter((unit): unit is [string, string] => isOf(unit[1], command, config)));
}

/** Makes a folder hold exactly these units of a config; nothing is changed where a file that is not ours is in the way. */
export function writeUnits(directory: string, author: Author, units: readonly Unit[]): Written {
  const { command, config, names } = author;
  mkdirSync(directory, { recursive: true });
  const there = unitsIn(directory, names);
  const ours = (text: string | undefined): boolean => isOf(text, command, config);
  for (const { name } of units)
    if (there.has(name) && !ours(there.get(name)))
      throw new ClawError(
        "environment",
        `${join(directory, name)} was not written by \`${command}\` for ${config}: remove it, or give another --dir`,
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
    for (const target of ["timers.target", "multi-user.target", "default.target"])
      rmSync(join(directory, `${target}.wants`, name), { force: true });
  }
  return { written: changed.map(({ name }) => name), removed: gone.map(([name]) => name) };
}

const isOf = (text: string | undefined, command: string, config: string): boolean =>
  text?.startsWith(`${marker(command, config)}\n`) === true;

function unitsIn(directory: string, names: RegExp): ReadonlyMap<string, string | undefined> {
  const files = existsSync(directory) ? readdirSync(directory).filter((name) => names.test(name)) : [];
  return new Map(files.map((name) => [name, textOf(join(directory, name))]));
}

/** Undefined: it is no plain file, and so not ours. */
const textOf = (file: string): string | undefined =>
  lstatSync(file).isFile() ? readFileSync(file, "utf8") : undefined;
