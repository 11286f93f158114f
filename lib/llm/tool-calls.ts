import type { ModelMessage, ToolCall } from "../agent/model.ts";
import { AttemptFailure } from "./failure.ts";
import { asCallId } from "./wire.ts";

/** A piece of a tool call as streamed; every field may be missing or of another type. */
export interface ToolCallDelta {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null;
}

interface Slot {
  readonly index: number | undefined;
  id: string;
  name: string;
  arguments: string;
}

/** More at once are an answer gone wrong: each is looked for among the others, decided, journalled and run. */
const mostCalls = 256;
const tooMany = (): AttemptFailure =>
  new AttemptFailure({ kind: "invalid", detail: `it made more than ${mostCalls} tool calls at once` });

/** Puts streamed tool calls together, for servers that leave out ids or indexes or use one twice. */
export class ToolCallAssembler {
  readonly #slots: Slot[] = [];

  get size(): number {
    return this.#slots.length;
  }

  add(delta: ToolCallDelta): void {
    const index = typeof delta.index === "number" ? delta.index : undefined;
    const id = typeof delta.id === "string" ? delta.id : "";
    const name = typeof delta.function?.name === "string" ? delta.function.name : "";
    let slot = this.#find(index, id, name);
    if (!slot && this.#slots.length === mostCalls) throw tooMany();
    if (!slot) this.#slots.push((slot = { index, id: "", name: "", arguments: "" }));
    slot.id ||= id;
    slot.name ||= name;
    slot.arguments += asText(delta.function?.arguments);
  }

  #find(index: number | undefined, id: string, name: string): Slot | undefined {
    if (index === undefined) {
      const same = id ? this.#slots.findLast((slot) => slot.id === id) : undefined;
      return same ?? (id || name ? undefined : this.#slots.at(-1));
    }
    const slot = this.#slots.findLast((candidate) => candidate.index === index);
    // Some servers give every call index 0: another id with a name of its own is another call.
    return slot && id && slot.id && id !== slot.id && name ? undefined : slot;
  }

  /** The calls in the order they began, each with an id that no earlier call of the conversation has. */
  finish(messages: readonly ModelMessage[]): ToolCall[] {
    return finishCalls(this.#slots, messages);
  }
}

/** Gives every call an id of its own; a call without a name fails the attempt. */
export function finishCalls(calls: readonly ToolCall[], messages: readonly ModelMessage[]): ToolCall[] {
  if (calls.length === 0) return [];
  if (calls.length > mostCalls) throw tooMany();
  const used = new Set<string>();
  for (const message of messages)
    if (message.role === "assistant") for (const call of message.toolCalls) used.add(call.id);
  return calls.map((call) => {
    if (!call.name) throw new AttemptFailure({ kind: "invalid", detail: "it made a tool call without a name" });
    const id = freeId(asCallId(call.id), used);
    used.add(id);
    // Servers send nothing for a tool without parameters.
    return { id, name: call.name, arguments: call.arguments || "{}" };
  });
}

function freeId(id: string, used: ReadonlySet<string>): string {
  if (id && !used.has(id)) return id;
  const stem = id || "call";
  let number = used.size;
  while (used.has(`${stem}_${number}`)) number++;
  return `${stem}_${number}`;
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : "";
}
