/** How much of a conversation the model is shown. Pure. */
import type { Principal } from "../channel/types.ts";
import type { ModelMessage } from "./model.ts";

/** One earlier run, as far as trimming needs to know it. */
export interface PastTurn {
  readonly principal: Principal;
  readonly messages: readonly ModelMessage[];
}

/**
 * A rough count of a message's tokens: four bytes of UTF-8 each, plus four for its frame. Providers differ by a third
 * either way; it only has to keep the history near its budget.
 */
export function estimateTokens(messages: readonly ModelMessage[]): number {
  let bytes = 0;
  for (const message of messages) {
    bytes += 16 + Buffer.byteLength(message.text);
    if (message.role === "assistant")
      for (const call of message.toolCalls) bytes += 16 + call.name.length + Buffer.byteLength(call.arguments);
  }
  return Math.ceil(bytes / 4);
}

/**
 * Picks from turns (newest first) what fits in `budget` tokens, and returns it oldest first. A turn that does not fit whole
 * is shown without its tool calls and results, all of them together: a call is never parted from its result. So are
 * turns of other people in a shared room: their tools' results were granted to them, not to whoever asks now.
 */
export function trimHistory(turns: readonly PastTurn[], budget: number, principal: Principal): ModelMessage[] {
  const kept: ModelMessage[][] = [];
  let left = budget;
  for (const turn of turns) {
    const spoken = turn.messages.filter(isSpoken);
    const whole = turn.principal === principal ? turn.messages : spoken;
    const choice = [whole, spoken].find((messages) => estimateTokens(messages) <= left);
    if (!choice) break;
    left -= estimateTokens(choice);
    kept.push([...choice]);
  }
  return kept.reverse().flat();
}

const isSpoken = (message: ModelMessage): boolean =>
  message.role === "user" || (message.role === "assistant" && message.toolCalls.length === 0);
