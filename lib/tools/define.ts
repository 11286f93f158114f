import type { z } from "zod";
import type { ImagePart } from "../agent/model.ts";
import type { Destination, Lane, Principal } from "../channel/types.ts";
import type { ServiceName } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { GrantedCall } from "../policy/granted.ts";
import type { TaintSource } from "../policy/taint.ts";

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
  /** Where the answer goes; left out where there is no chat of the agent's own: in a job, or asked by another agent. */
  readonly place?: { readonly lane: Lane; readonly destination: Destination } | undefined;
  readonly timezone: string;
  readonly now: () => Date;
  /** The same on every attempt of this call: makes a `keyed` effect happen once. */
  readonly callKey: string;
  readonly signal: AbortSignal;
  /** What has tainted the run so far: kept with whatever the tool writes down. */
  readonly taint: readonly TaintSource[];
  /** Taints the run by the sources of what is about to be returned, where the tool's labels do not say so already. */
  readonly addTaint: (sources: readonly TaintSource[]) => void;
  /** Sends a file where the answer will go, before it; a second one of the same key is dropped. */
  readonly sendFile: (file: FileToSend) => Promise<void>;
  /** Sends Markdown to a destination of the config, by its name; a second one of the same key is dropped. */
  readonly sendMessage: (destination: string, markdown: string, key: string) => Promise<void>;
  /** Another agent's answer. Throws where it gave none. */
  readonly askAgent: (request: AgentRequest) => Promise<string>;
  /** Left out where the agent's model takes no images. */
  readonly look?: Look | undefined;
}

/** What of a call's context is there before it is granted: nothing by which anything could be reached. */
export type Foresight = Pick<ToolContext, "place" | "timezone" | "now">;

/** Has the agent's model look at an image, apart from the run: it is given no tools, no history and none of the agent's prompt. */
export interface Look {
  /** Larger images are refused. */
  readonly maxBytes: number;
  /** The model's answer. Throws ClawError `backend_failed` or `cancelled`. */
  ask(image: ImagePart, question: string, signal: AbortSignal): Promise<string>;
}

/** What an agent is asked by another. */
export interface AgentRequest {
  readonly agent: string;
  readonly request: string;
  /** `callKey`: by it the same run is found again after a crash. */
  readonly callKey: string;
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

/** A tool's safety facts. What it does is not among them: it is run by `runTool` alone, for a call that was granted. */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly description: string;
  readonly input: Input;
  /** The JSON Schema a model is shown, where it is not that of `input`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly labels: readonly Label[];
  readonly effect: Effect;
  readonly timeoutMs: number;
  /** Characters of result the model is given; the rest is cut, visibly. */
  readonly outputLimit: number;
  /** What it reaches; it is never granted where the config does not set that up. */
  readonly service?: ServiceName;
  /** Called only with an approver's yes, whatever grants it. */
  readonly asks?: true;
  /**
   * What a call comes to, in words beside its arguments for whoever is to approve it. Pure. Throws ClawError where it can come
   * to nothing: the model reads that, and nobody is asked.
   */
  foresee?(input: z.output<Input>, circumstances: Foresight): string;
  /** Its settings list where it may send to, so that an agent's argument rules need not. */
  readonly bounded?: true;
}

/** What a call returned: what the model reads, and the same for code that goes on with it, as JSON may hold it. */
export interface ToolOutput {
  readonly text: string;
  readonly data?: unknown;
}

/** A tool as it is written. `run` returns what the model reads, with `data` where code reads it too; a throw becomes an error result. */
export interface ToolDefinition<Input extends z.ZodObject = z.ZodObject> extends Tool<Input> {
  run(input: z.output<Input>, context: ToolContext): Promise<string | ToolOutput>;
}

/** Tools as they were written, out of reach of everything but `runTool`. */
const definitions = new WeakMap<Tool, ToolDefinition>();

/** Function names as providers allow them, in the form family_verb. */
const toolName = /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/;
const labels: ReadonlySet<string> = new Set<Label>(["untrusted", "private", "act", "egress"]);
const effects: ReadonlySet<string> = new Set<Effect>(["idempotent", "keyed", "unsafe"]);

/** Checks a tool's facts and returns them; throws ClawError `config_invalid` that names what is missing. */
export function defineTool<Input extends z.ZodObject>(tool: ToolDefinition<Input>): Tool<Input> {
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
  if (!("run" in tool)) throw wrong("it needs run, which does its work");
  const { name, description, input, parameters, effect, timeoutMs, outputLimit } = tool;
  const facts = {
    ...{ name, description, input, effect, timeoutMs, outputLimit },
    ...(parameters && { parameters }),
    ...(tool.service && { service: tool.service }),
    ...(tool.asks && { asks: tool.asks }),
    ...(tool.foresee && { foresee: tool.foresee.bind(tool) }),
    ...(tool.bounded && { bounded: tool.bounded }),
  };
  const defined = Object.freeze({ ...facts, labels: Object.freeze([...tool.labels]) });
  definitions.set(defined, tool);
  return defined;
}

/** Whether a tool was made by `defineTool`. */
export const isDefined = (tool: Tool): boolean => definitions.has(tool);

/** Runs a call that was granted, and nothing else. */
export async function runTool(call: GrantedCall, context: ToolContext): Promise<ToolOutput> {
  const definition = definitions.get(call.tool);
  if (!definition || !GrantedCall.is(call)) throw new Error(`${call.tool.name}: only a granted call can be run`);
  const output = await definition.run(call.input, context);
  return typeof output === "string" ? { text: output } : output;
}
