/** The operator's own tools: a folder of TypeScript files, each of one tool. They are code of the gateway, with all its rights. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { readToml } from "../config/toml.ts";
import { ClawError, messageOf } from "../errors.ts";
import type { ToolFacts } from "../config/tool-facts.ts";
import { builtinToolFacts } from "./builtin.ts";
import { factsOf } from "./facts.ts";
import { defineTool, isDefined, type Tool } from "./define.ts";

/** What a file of the folder exports as its default. It is handed what it needs, so that it imports nothing of ours. */
export type OwnTool = (kit: { readonly defineTool: typeof defineTool; readonly z: typeof z }) => Tool | Promise<Tool>;

/**
 * Loads the tools of the folder that `tools_dir` of a config names, in the order of their files. It is asked for before the
 * config is checked, which has to know their names. Throws ClawError `config_invalid` that names the file and what is wrong.
 */
export async function loadOwnTools(configFile: string, builtin: readonly string[]): Promise<Tool[]> {
  const { tools_dir: given } = readToml(configFile);
  // Of another type, it is refused with the rest of the config.
  if (typeof given !== "string" || given === "") return [];
  const folder = resolve(dirname(configFile), given);
  const files = filesOf(folder);
  const tools: Tool[] = [];
  const owners = new Map(builtin.map((name) => [name, "the gateway"]));
  for (const file of files) {
    const tool = await load(file);
    const owner = owners.get(tool.name);
    if (owner !== undefined)
      throw wrong(file, `a tool named "${tool.name}" is there already, from ${owner}; rename it`);
    owners.set(tool.name, file);
    tools.push(tool);
  }
  return tools;
}

const wrong = (file: string, what: string, cause?: unknown): ClawError =>
  new ClawError("config_invalid", `${file}: ${what}`, { cause });

/** Files that begin with "_" or "." are no tools: a place for what several share. */
function filesOf(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? messageOf(cause);
    throw wrong(folder, `the folder of tools_dir cannot be read (${code}); make it, or remove tools_dir`, cause);
  }
  refuseWritable(folder);
  return names
    .filter((name) => name.endsWith(".ts") && !/^[_.]/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** What anybody may write would run with the gateway's rights. */
function refuseWritable(path: string): void {
  if ((statSync(path).mode & 0o002) !== 0)
    throw wrong(path, `anybody on this machine may write to it; chmod o-w ${realpathSync(path)}`);
}

async function load(file: string): Promise<Tool> {
  refuseWritable(file);
  let made: unknown;
  try {
    const exported = (await import(pathToFileURL(realpathSync(file)).href)) as { default?: unknown };
    const make = exported.default;
    made = typeof make === "function" ? await (make as OwnTool)({ defineTool, z }) : make;
  } catch (thrown) {
    throw wrong(file, thrown instanceof ClawError ? thrown.message : `cannot be loaded: ${messageOf(thrown)}`, thrown);
  }
  if (typeof made !== "object" || made === null || !isDefined(made as Tool))
    throw wrong(file, "must export default ({ defineTool, z }) => defineTool({ … })");
  return made as Tool;
}

/** The tools that are known before the config is checked: the folder's, and the facts of these and of the built-in ones. */
export async function knownTools(configFile: string): Promise<{ own: Tool[]; facts: ToolFacts[] }> {
  const builtin = builtinToolFacts();
  const own = await loadOwnTools(
    configFile,
    builtin.map(({ name }) => name),
  );
  return { own, facts: [...builtin, ...own.map(factsOf)] };
}
