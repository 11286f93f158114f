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

/** Reads the prompt of every agent and job, by `agents.NAME` and `jobs.NAME`; paths are relative to the config file. */
export function readPrompts(draft: Draft, problems: Problems): Map<string, Prompt> {
  const prompts = new Map<string, Prompt>();
  const named = [...namedIn("agents", draft.agents), ...namedIn("jobs", draft.jobs)];
  for (const [key, path] of named) {
    const text = read(resolve(dirname(problems.file), path), `${key}.prompt`, problems);
    if (text !== undefined) prompts.set(key, { text, hash: createHash("sha256").update(text).digest("hex") });
  }
  return prompts;
}

/** Each with a prompt by its key, and the path it names. */
const namedIn = (
  section: string,
  all: Readonly<Record<string, { readonly prompt?: string | undefined } | undefined>> = {},
): [string, string][] =>
  Object.entries(all).flatMap(([name, of]): [string, string][] =>
    of?.prompt === undefined ? [] : [[`${section}.${name}`, of.prompt]],
  );

function read(file: string, key: string, problems: Problems): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "unknown error";
    const what = code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${code})`;
    problems.add(key, what, "write the instructions there; the path is relative to this file");
    return undefined;
  }
  if (text) return text;
  problems.add(key, `${file} is empty`, "write the instructions there");
  return undefined;
}
