/** The files and secrets that a config names, so that a gateway can be had again from them alone. */
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { parseEnv } from "node:util";
import { draftOf } from "../config/draft.ts";
import type { Environment } from "../config/environment.ts";
import { isWanted, secretRefs } from "../config/secrets.ts";
import { readToml } from "../config/toml.ts";
import { ClawError, messageOf } from "../errors.ts";
import { envLine } from "./env-line.ts";
import { entryNames } from "./format.ts";

/** A file of the backup. */
export interface ConfigFile {
  /** Of its entry. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** What a config comes to. */
export interface ConfigFiles {
  readonly files: readonly ConfigFile[];
  /** Where files from outside its folder were, by the names of their entries. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/**
 * Files beside the config that no key names; all of them hold secrets. One that is not for this user's eyes is left out, as `.env` is:
 * a service is given by its manager what the config names, and a registration is made anew of that.
 */
const besides = ["appservice.yaml", "postgres.env"];
const secretMode = 0o600;

/**
 * Reads openclaw.toml, what it names (prompts, tools, avatars, the secrets of files, credentials and variables) and what `claw init`
 * puts beside it. Without `secrets` nothing secret is read. Throws ClawError `environment` where a file cannot be read.
 */
export function collectConfig(
  configFile: string,
  env: Environment,
  { secrets }: { readonly secrets: boolean },
): ConfigFiles {
  const folder = dirname(resolve(configFile));
  const draft = draftOf(readToml(configFile));
  const files = new Map<string, ConfigFile>();
  const elsewhere: Record<string, string> = {};
  const add = (path: string, mode?: number): void => {
    const inside = relative(folder, path);
    const outside = inside.startsWith("..") || isAbsolute(inside);
    const name = outside ? outsideName(path, folder, elsewhere) : entryNames.config + inside;
    if (outside) elsewhere[name] = path;
    files.set(name, { name, bytes: read(path), mode: mode ?? statSync(path).mode & 0o777 });
  };
  const put = (name: string, text: string): void =>
    void files.set(name, { name, bytes: Buffer.from(text), mode: secretMode });

  for (const agent of Object.values(draft.agents ?? {}))
    for (const path of [agent?.prompt, agent?.matrix?.avatar]) if (path !== undefined) add(resolve(folder, path));
  for (const job of Object.values(draft.jobs ?? {})) if (job?.prompt !== undefined) add(resolve(folder, job.prompt));
  if (draft.tools_dir !== undefined) for (const path of filesUnder(resolve(folder, draft.tools_dir))) add(path);

  if (secrets) {
    const refs = secretRefs(draft)
      .filter((each) => isWanted(each, env))
      .map(([, ref]) => ref);
    for (const ref of refs) {
      if ("file" in ref) add(ref.file, secretMode);
      if ("credential" in ref && env.credentialsDirectory !== undefined)
        put(
          `${entryNames.config}credentials/${ref.credential}`,
          read(join(env.credentialsDirectory, ref.credential)).toString(),
        );
    }
    for (const name of besides) if (isReadableFile(join(folder, name))) add(join(folder, name), secretMode);
    const named = refs.flatMap((ref) => ("env" in ref ? [ref.env] : []));
    put(`${entryNames.config}.env`, envText(join(folder, ".env"), ["DATABASE_URL", ...named], env));
  }
  // The last one: where it is there again, all of the others are.
  files.set(`${entryNames.config}openclaw.toml`, {
    name: `${entryNames.config}openclaw.toml`,
    bytes: read(configFile),
    mode: statSync(configFile).mode & 0o777,
  });
  return { files: [...files.values()], elsewhere };
}

/** The file as it is, and what the process was given besides or instead. */
function envText(file: string, names: readonly string[], env: Environment): string {
  const text = isReadableFile(file) ? read(file).toString("utf8") : "";
  const known = parseEnv(text);
  const more = [...new Set(names)].flatMap((name) => {
    const value = env.get(name);
    return value === undefined || value === "" || value === known[name] ? [] : [envLine(name, value)];
  });
  const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return more.length === 0 ? whole : `${whole}${more.join("\n")}\n`;
}

function isReadableFile(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** A name that no file beside the config has: an earlier restore may have put some there. */
function outsideName(path: string, folder: string, taken: Readonly<Record<string, string>>): string {
  const [known] = Object.entries(taken).find(([, of]) => of === path) ?? [];
  if (known !== undefined) return known;
  for (let at = 1; ; at += 1) {
    const name = `${entryNames.elsewhere}${at}-${basename(path)}`;
    if (!(name in taken) && !existsSync(join(folder, name))) return name;
  }
}

/** What a link within the folder leads to elsewhere is left out: it is there for the machine, not for the config. */
function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((found) => found.isFile() && !found.parentPath.split("/").includes("node_modules"))
    .map((found) => join(found.parentPath, found.name))
    .filter((path) => lstatSync(path).isFile());
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ClawError("environment", `${path} belongs into the backup and cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
