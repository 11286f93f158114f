import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Draft } from "./draft.ts";
import type { Problems } from "./problem.ts";

/** An agent's instructions. `hash` is SHA-256 of the text, in hex. */
export interface Prompt {
  readonly text: string;
  readonly hash: string;
}

/** Reads the prompt of every agent, by agent; paths are relative to the config file. */
export function readPrompts(draft: Draft, problems: Problems): Map<string, Prompt> {
  const prompts = new Map<string, Prompt>();
  for (const [name, agent] of Object.entries(draft.agents ?? {})) {
    if (agent?.prompt === undefined) continue;
    const file = resolve(dirname(problems.file), agent.prompt);
    const text = read(file, `agents.${name}.prompt`, problems);
    if (text !== undefined) prompts.set(name, { text, hash: createHash("sha256").update(text).digest("hex") });
  }
  return prompts;
}

function read(file: string, key: string, problems: Problems): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "unknown error";
    const what = code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${code})`;
    problems.add(key, what, "write the agent's instructions there; the path is relative to this file");
    return undefined;
  }
  if (text) return text;
  problems.add(key, `${file} is empty`, "write the agent's instructions there");
  return undefined;
}
