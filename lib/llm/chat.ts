import type {
  ChatCompletionContentPart,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import type { Cost, ModelAnswer, ModelMessage, ModelRequest, Usage } from "../agent/model.ts";
import type { Client, Dialect } from "./client.ts";
import { parseEvent, readEvents } from "./events.ts";
import { AttemptFailure, statusFailure } from "./failure.ts";
import { isRefusal } from "./refusal.ts";
import { type ToolCallDelta, ToolCallAssembler } from "./tool-calls.ts";
import { streamOf } from "./transport.ts";
import { reportedCost, toUsage, type WireCost } from "./usage.ts";
import type { Watch } from "./watch.ts";
import { asFact, asString, dataUrl, imagesLeftOut, wireArguments, wireName } from "./wire.ts";

/** One attempt at a streamed chat completion. Throws what went wrong, for `firstAnswer` to judge. */
export async function completeChat(client: Client, request: ModelRequest, watch: Watch): Promise<ModelAnswer> {
  const response = await send(client, request, watch);
  const stream = streamOf(response);
  if (!stream) throw new AttemptFailure({ kind: "invalid", detail: "it answered without streaming" });
  const answer = new ChatAnswer();
  const done = await readEvents(
    stream,
    (data) => data === "[DONE]" || (answer.add(parseEvent(data)), false),
    () => watch.touch(),
  );
  const { finishReason, calls } = answer;
  // A text that finished is whole without the end mark; tool calls must not rest on a guess.
  if (finishReason === undefined || (!done && calls.size > 0)) throw new AttemptFailure({ kind: "truncated" });
  const toolCalls = calls.finish(request.messages);
  return {
    text: answer.text,
    toolCalls,
    finishReason,
    usage: answer.usage,
    cost: answer.cost,
    refusal: isRefusal({ said: answer.refused, finishReason, text: answer.text, toolCalls }),
    backend: client.backend.name,
    model: answer.model ?? client.backend.model,
    responseId: answer.id,
    requestId: asFact(response.headers.get("x-request-id")),
    milliseconds: Math.round(performance.now() - watch.began),
  };
}

/** Sends the request, once more for each thing learned about the server's dialect. */
async function send(client: Client, request: ModelRequest, watch: Watch): Promise<Response> {
  for (;;) {
    try {
      const parameters = toParameters(client, request);
      return await client.openai.chat.completions.create(parameters, { signal: watch.signal }).asResponse();
    } catch (thrown) {
      if (!learn(client.dialect, parametersRefused(thrown))) throw thrown;
    }
  }
}

function parametersRefused(thrown: unknown): string {
  const { status, message } = thrown as { status?: unknown; message?: unknown };
  return (status === 400 || status === 422) && typeof message === "string" ? message : "";
}

/** Whether the refusal names a parameter that can be put another way; the dialect then has it so. */
function learn(dialect: Dialect, refusal: string): boolean {
  if (dialect.limitField === "max_tokens" && refusal.includes("max_completion_tokens")) {
    dialect.limitField = "max_completion_tokens";
    return true;
  }
  if (dialect.streamOptions && refusal.includes("stream_options")) {
    dialect.streamOptions = false;
    return true;
  }
  return false;
}

function toParameters({ backend, dialect }: Client, request: ModelRequest): ChatCompletionCreateParamsStreaming {
  return {
    model: backend.model,
    messages: request.messages.map((message) => toWire(message, backend.images)),
    ...(request.tools.length > 0 && {
      tools: request.tools.map(({ name, description, parameters }) => ({
        type: "function" as const,
        function: { name, description, parameters },
      })),
    }),
    ...(request.mustCall === true && { tool_choice: "required" as const }),
    stream: true,
    ...(dialect.streamOptions && { stream_options: { include_usage: true } }),
    [dialect.limitField]: backend.max_output_tokens,
  };
}

function toWire(message: ModelMessage, takesImages: boolean): ChatCompletionMessageParam {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.text };
    case "user":
      return { role: "user", content: userContent(message, takesImages) };
    case "tool":
      return { role: "tool", tool_call_id: message.callId, content: message.text };
    case "assistant":
      if (message.toolCalls.length === 0) return { role: "assistant", content: message.text };
      return {
        role: "assistant",
        content: message.text || null,
        tool_calls: message.toolCalls.map((call) => ({
          id: call.id,
          type: "function",
          function: { name: wireName(call.name), arguments: wireArguments(call) },
        })),
      };
  }
}

function userContent(
  { text, images = [] }: Extract<ModelMessage, { role: "user" }>,
  takesImages: boolean,
): string | ChatCompletionContentPart[] {
  if (images.length === 0) return text;
  if (!takesImages) return text ? `${text}\n${imagesLeftOut}` : imagesLeftOut;
  return [
    ...(text ? [{ type: "text" as const, text }] : []),
    ...images.map((image) => ({ type: "image_url" as const, image_url: { url: dataUrl(image) } })),
  ];
}

interface ChatUsage extends WireCost {
  readonly prompt_tokens?: unknown;
  readonly completion_tokens?: unknown;
  readonly total_tokens?: unknown;
  readonly prompt_tokens_details?: { readonly cached_tokens?: unknown } | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: unknown } | null;
  /** DeepSeek's own word for cached tokens. */
  readonly prompt_cache_hit_tokens?: unknown;
}

/** As much of a chunk as is read; any of it may be missing. */
interface Chunk {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly error?: unknown;
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: unknown;
      readonly refusal?: unknown;
      readonly tool_calls?: readonly ToolCallDelta[] | null;
    } | null;
    readonly finish_reason?: unknown;
  }[];
  readonly usage?: ChatUsage | null;
}

/** What the chunks of a stream add up to. */
export class ChatAnswer {
  text = "";
  finishReason: string | undefined;
  usage: Usage | undefined;
  cost: Cost | undefined;
  /** The server put the text under `refusal`. */
  refused = false;
  id: string | undefined;
  model: string | undefined;
  readonly calls = new ToolCallAssembler();

  add(chunk: Chunk): void {
    if (chunk.error) throw streamedError(chunk.error);
    this.id ??= asFact(chunk.id);
    this.model ??= asFact(chunk.model);
    if (chunk.usage) {
      this.usage = chatUsage(chunk.usage) ?? this.usage;
      this.cost = reportedCost(chunk.usage) ?? this.cost;
    }
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta } = choice;
    if (delta) {
      const refusal = asString(delta.refusal);
      this.refused ||= refusal !== undefined;
      this.text += asString(delta.content) ?? refusal ?? "";
      for (const call of delta.tool_calls ?? []) this.calls.add(call);
    }
    this.finishReason = asFact(choice.finish_reason) ?? this.finishReason;
  }
}

const chatUsage = (usage: ChatUsage): Usage | undefined =>
  toUsage({
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    total: usage.total_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens,
  });

/** An error told inside a stream; routers put the upstream's HTTP status in its code. */
export function streamedError(error: unknown): AttemptFailure {
  const { code } = error as { code?: unknown };
  return statusFailure(typeof code === "number" && code >= 400 && code < 600 ? code : 502, error);
}
