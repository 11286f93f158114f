import type {
  EasyInputMessage,
  ResponseCreateParamsStreaming,
  ResponseInputContent,
  ResponseInputItem,
} from "openai/resources/responses/responses";
import type { ModelAnswer, ModelMessage, ModelRequest, ToolCall } from "../agent/model.ts";
import { streamedError } from "./chat.ts";
import type { Client } from "./client.ts";
import { parseEvent, readEvents } from "./events.ts";
import { AttemptFailure } from "./failure.ts";
import { isRefusal } from "./refusal.ts";
import { finishCalls } from "./tool-calls.ts";
import { streamOf } from "./transport.ts";
import { reportedCost, toUsage, type WireCost } from "./usage.ts";
import type { Watch } from "./watch.ts";
import { asFact, asString, dataUrl, imagesLeftOut, wireArguments, wireName } from "./wire.ts";

/** One attempt over the Responses API, stateless and streamed. Throws what went wrong, for `firstAnswer` to judge. */
export async function completeResponse(client: Client, request: ModelRequest, watch: Watch): Promise<ModelAnswer> {
  const { backend, openai } = client;
  const response = await openai.responses.create(toParameters(client, request), { signal: watch.signal }).asResponse();
  const stream = streamOf(response);
  if (!stream) throw new AttemptFailure({ kind: "invalid", detail: "it answered without streaming" });
  const answer = new ResponsesAnswer();
  const done = await readEvents(
    stream,
    (data) => data === "[DONE]" || answer.add(parseEvent(data)),
    () => watch.touch(),
  );
  const { final } = answer;
  if (!done || !final) throw new AttemptFailure({ kind: "truncated" });
  const { text, refused, toolCalls } = answer.content();
  const finishReason =
    final.status === "incomplete"
      ? incompleteReason(final.incomplete_details?.reason)
      : toolCalls.length > 0
        ? "tool_calls"
        : "stop";
  return {
    text,
    toolCalls: finishCalls(toolCalls, request.messages),
    finishReason,
    usage: toUsage({
      input: final.usage?.input_tokens,
      output: final.usage?.output_tokens,
      total: final.usage?.total_tokens,
      cached: final.usage?.input_tokens_details?.cached_tokens,
      reasoning: final.usage?.output_tokens_details?.reasoning_tokens,
    }),
    cost: reportedCost(final.usage),
    refusal: isRefusal({ said: refused, finishReason, text, toolCalls }),
    backend: backend.name,
    model: asFact(final.model) ?? backend.model,
    responseId: asFact(final.id),
    requestId: asFact(response.headers.get("x-request-id")),
    milliseconds: Math.round(performance.now() - watch.began),
  };
}

const incompleteReason = (reason: unknown): string =>
  reason === "max_output_tokens" ? "length" : (asFact(reason) ?? "length");

function toParameters({ backend }: Client, request: ModelRequest): ResponseCreateParamsStreaming {
  return {
    model: backend.model,
    input: request.messages.flatMap((message) => toWire(message, backend.images)),
    ...(request.tools.length > 0 && {
      tools: request.tools.map(({ name, description, parameters }) => ({
        type: "function" as const,
        name,
        description,
        parameters,
        strict: false,
      })),
    }),
    ...(request.mustCall === true && { tool_choice: "required" as const }),
    stream: true,
    store: false,
    max_output_tokens: backend.max_output_tokens,
  };
}

function toWire(message: ModelMessage, takesImages: boolean): ResponseInputItem[] {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.text }];
    case "user":
      return [{ role: "user", content: userContent(message, takesImages) }];
    case "tool":
      return [{ type: "function_call_output", call_id: message.callId, output: message.text }];
    case "assistant": {
      const text: EasyInputMessage[] = message.text ? [{ role: "assistant", content: message.text }] : [];
      return [
        ...text,
        ...message.toolCalls.map((call) => ({
          type: "function_call" as const,
          call_id: call.id,
          name: wireName(call.name),
          arguments: wireArguments(call),
        })),
      ];
    }
  }
}

function userContent(
  { text, images = [] }: Extract<ModelMessage, { role: "user" }>,
  takesImages: boolean,
): string | ResponseInputContent[] {
  if (images.length === 0) return text;
  if (!takesImages) return text ? `${text}\n${imagesLeftOut}` : imagesLeftOut;
  return [
    ...(text ? [{ type: "input_text" as const, text }] : []),
    ...images.map((image) => ({ type: "input_image" as const, image_url: dataUrl(image), detail: "auto" as const })),
  ];
}

interface Item {
  readonly type?: unknown;
  readonly call_id?: unknown;
  readonly name?: unknown;
  readonly arguments?: unknown;
  readonly content?: readonly ({ readonly text?: unknown; readonly refusal?: unknown } | null)[];
}

interface Final {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly status?: unknown;
  readonly error?: unknown;
  readonly incomplete_details?: { readonly reason?: unknown } | null;
  readonly output?: readonly (Item | null)[];
  readonly usage?:
    | (WireCost & {
        readonly input_tokens?: unknown;
        readonly output_tokens?: unknown;
        readonly total_tokens?: unknown;
        readonly input_tokens_details?: { readonly cached_tokens?: unknown } | null;
        readonly output_tokens_details?: { readonly reasoning_tokens?: unknown } | null;
      })
    | null;
}

/** As much of an event as is read; any of it may be missing. */
interface Event {
  readonly type?: unknown;
  readonly item?: Item;
  readonly response?: Final;
  readonly error?: unknown;
}

/** What the events of a stream add up to. */
export class ResponsesAnswer {
  readonly #items: Item[] = [];
  final: Final | undefined;

  /** True at the event that ends the answer. */
  add(event: Event): boolean {
    switch (event.type) {
      case "response.output_item.done":
        if (event.item) this.#items.push(event.item);
        return false;
      case "response.completed":
      case "response.incomplete":
        this.final = event.response ?? {};
        return true;
      case "response.failed":
        throw streamedError(event.response?.error ?? {});
      case "error":
        throw streamedError(event.error ?? event);
      default:
        return false;
    }
  }

  /** Text and calls of the items that were finished, or of the last event where a server sends them only there. */
  content(): { text: string; refused: boolean; toolCalls: ToolCall[] } {
    const items = this.#items.length > 0 ? this.#items : asArray(this.final?.output);
    let text = "";
    let refused = false;
    const toolCalls: ToolCall[] = [];
    for (const item of items) {
      if (item?.type === "message")
        for (const part of asArray(item.content)) {
          const refusal = asString(part?.refusal);
          refused ||= refusal !== undefined;
          text += asString(part?.text) ?? refusal ?? "";
        }
      if (item?.type === "function_call")
        toolCalls.push({
          id: asString(item.call_id) ?? "",
          name: asString(item.name) ?? "",
          arguments: asString(item.arguments) ?? "",
        });
    }
    return { text, refused, toolCalls };
  }
}

const asArray = <T>(value: readonly T[] | undefined): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [];
