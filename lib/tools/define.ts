import type { z } from "zod";
import type { Principal } from "../channel/types.ts";
import { ClawError } from "../errors.ts";

/** What a tool does, for policy: its result is written by strangers, is private, it changes something, it sends data out. */
export type Label = "untrusted" | "private" | "act" | "egress";

/**
 * What a repeat after a crash means: `idempotent` may run again; `keyed` may run again because it is given the same
 * key and does nothing the second time; `unsafe` is never run again by itself.
 */
export type Effect = "idempotent" | "keyed" | "unsafe";

/** What a tool may know and use. No tool reaches the database, the network or the clock another way. */
export interface ToolContext {
  readonly principal: Principal;
  readonly agent: string;
  readonly conversationId: string;
  /** True in rooms with others: what a tool returns may be said to them. */
  readonly shared: boolean;
  readonly timezone: string;
  readonly now: () => Date;
  /** The same on every attempt of this call: makes a `keyed` effect happen once. */
  readonly callKey: string;
  readonly signal: AbortSignal;
  /** Sends a file where the answer will go, before it; a second one of the same key is dropped. */
  readonly sendFile: (file: FileToSend) => Promise<void>;
}

/** A file as a tool hands it over. */
export interface FileToSend {
  /** `callKey`, so that a repeat after a crash sends nothing more. */
  readonly key: string;
  /** Without path separators and control characters. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Plain text. */
  readonly caption?: string;
}

/** A tool with its safety facts. `run` returns what the model reads; a throw becomes an error result. */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly description: string;
  readonly input: Input;
  readonly labels: readonly Label[];
  readonly effect: Effect;
  readonly timeoutMs: number;
  /** Characters of result the model is given; the rest is cut, visibly. */
  readonly outputLimit: number;
  run(input: z.output<Input>, context: ToolContext): Promise<string>;
}

/** Function names as providers allow them, in the form family_verb. */
const toolName = /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/;
const labels: ReadonlySet<string> = new Set<Label>(["untrusted", "private", "act", "egress"]);
const effects: ReadonlySet<string> = new Set<Effect>(["idempotent", "keyed", "unsafe"]);

/** Checks a tool's facts and returns it; throws ClawError `config_invalid` that names what is missing. */
export function defineTool<Input extends z.ZodObject>(tool: Tool<Input>): Tool<Input> {
  const wrong = (what: string): ClawError => new ClawError("config_invalid", `tool "${String(tool.name)}": ${what}`);
  if (typeof tool.name !== "string" || !toolName.test(tool.name) || tool.name.length > 64)
    throw wrong("its name must be family_verb in lower case, 64 characters at most");
  if (!tool.description) throw wrong("it needs a description for the model");
  const given: unknown = tool.labels;
  if (!Array.isArray(given)) throw wrong("it needs labels (an empty list says it is harmless)");
  for (const label of tool.labels)
    if (!labels.has(label)) throw wrong(`label "${label}" is none of ${[...labels].join(", ")}`);
  if (!effects.has(tool.effect)) throw wrong(`its effect must be one of ${[...effects].join(", ")}`);
  if (tool.effect !== "idempotent" && !tool.labels.includes("act") && !tool.labels.includes("egress"))
    throw wrong(`effect "${tool.effect}" needs the label act or egress`);
  if (!(tool.timeoutMs > 0)) throw wrong("it needs timeoutMs, in milliseconds");
  if (!(tool.outputLimit > 0)) throw wrong("it needs outputLimit, in characters");
  return tool;
}
