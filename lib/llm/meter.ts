/** Calls to models that are paid for: the most each can cost is held before it is made, and settled after it. */
import type { ModelAnswer, ModelMessage, ModelRequest, ToolSpec } from "../agent/model.ts";
import type { Backend } from "../config/config.ts";
import { toFailure, wasNotMade } from "./failure.ts";
import type { Watch } from "./watch.ts";

/** What a call costs: tokens of input and output together, and money; undefined where nobody knows a price. */
export interface CallCost {
  readonly tokens: number;
  readonly money: number | undefined;
}

/** Whoever pays for calls. */
export interface Meter {
  /**
   * Holds the most that one call can cost; throws ClawError `limit_reached`, and the call is not made, where that is too
   * much. What it returns settles the call: at what it cost, or undefined where nobody knows. It never throws.
   */
  reserve(backend: Backend, worst: CallCost): Promise<(cost: CallCost | undefined) => Promise<void>>;
}

const free: CallCost = { tokens: 0, money: 0 };

/** Makes one call under a meter. One that failed is free only where no model was certainly at work. */
export async function metered(
  meter: Meter,
  backend: Backend,
  request: ModelRequest,
  watch: Watch,
  /** Its answer says what it cost. */
  call: () => Promise<ModelAnswer>,
): Promise<ModelAnswer> {
  const settle = await meter.reserve(backend, worstCost(backend, request));
  let answer: ModelAnswer;
  try {
    answer = await call();
  } catch (thrown) {
    await settle(!watch.answering && !watch.signal.aborted && wasNotMade(toFailure(thrown)) ? free : undefined);
    throw thrown;
  }
  const { usage, cost } = answer;
  await settle(usage && { tokens: usage.inputTokens + usage.outputTokens, money: cost?.amount });
  return answer;
}

/** The most that a call can cost at this backend. */
export function worstCost(backend: Backend, { messages, tools }: ModelRequest): CallCost {
  const { max_output_tokens: output, image_tokens, images, price } = backend;
  const input = mostTokens(messages, tools, images ? image_tokens : 0);
  const dearestInput = price && Math.max(price.input, price.cached ?? 0);
  return {
    tokens: input + output,
    money: price && dearestInput !== undefined ? (input * dearestInput + output * price.output) / 1e6 : undefined,
  };
}

/** What a server's template may put around a request, a message, a call or a tool, in tokens. */
const aroundRequest = 512;
const aroundItem = 32;

/**
 * More tokens than any server can count. No tokenizer in use makes more of a text than it has bytes of UTF-8; a common text
 * has four to a token, so that this is some four times what it will be.
 */
function mostTokens(messages: readonly ModelMessage[], tools: readonly ToolSpec[], imageTokens: number): number {
  let most = aroundRequest;
  for (const message of messages) {
    most += aroundItem + Buffer.byteLength(message.text);
    if (message.role === "user") most += (message.images?.length ?? 0) * (imageTokens + aroundItem);
    if (message.role === "tool") most += Buffer.byteLength(message.callId) + Buffer.byteLength(message.name);
    if (message.role === "assistant")
      for (const { id, name, arguments: given } of message.toolCalls)
        most += aroundItem + Buffer.byteLength(id) + Buffer.byteLength(name) + Buffer.byteLength(given);
  }
  for (const tool of tools) most += aroundItem + Buffer.byteLength(JSON.stringify(tool));
  return most;
}
