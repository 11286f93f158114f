/** What the loop asks of a model: our own words, so that no provider's shape reaches the loop. */

/** An image for a model that takes them. */
export interface ImagePart {
  readonly mime: string;
  readonly bytes: Uint8Array;
}

/** A tool call as the model made it. `arguments` is its raw JSON text, not yet parsed. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export type ModelMessage =
  | { readonly role: "system"; readonly text: string }
  | { readonly role: "user"; readonly text: string; readonly images?: readonly ImagePart[] }
  | { readonly role: "assistant"; readonly text: string; readonly toolCalls: readonly ToolCall[] }
  | { readonly role: "tool"; readonly callId: string; readonly name: string; readonly text: string };

/** A tool as offered to the model; `parameters` is JSON Schema. */
export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ModelRequest {
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolSpec[];
  /** Whether the answer must call one of them; not every server knows that. */
  readonly mustCall?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** Tokens as the provider counted them; undefined where it did not say ("unknown", never 0). */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of the input. */
  readonly cachedTokens: number | undefined;
  /** Part of the output: spent on thinking. */
  readonly reasoningTokens?: number | undefined;
}

/** What a call cost, and who says so: the provider itself, the config's price, or the list prices this version knows. */
export interface Cost {
  readonly amount: number;
  readonly source: "provider" | "config" | "list";
}

export interface ModelAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** `stop`, `tool_calls`, `length`, `content_filter` or the provider's own word. */
  readonly finishReason: string;
  readonly usage: Usage | undefined;
  /** Undefined: its price or its usage is unknown. */
  readonly cost?: Cost | undefined;
  /** The model declined to answer. */
  readonly refusal?: boolean | undefined;
  /** The backend's name in the config that answered (a fallback, perhaps). */
  readonly backend: string;
  /** The model that was asked for. */
  readonly requestModel?: string | undefined;
  /** The model as the provider names it. */
  readonly model: string;
  readonly responseId: string | undefined;
  /** The provider's `x-request-id`. */
  readonly requestId: string | undefined;
  readonly milliseconds: number;
}

/** A model behind one backend and its fallbacks. Throws ClawError `backend_failed` or `cancelled`. */
export interface Model {
  /** The first backend's name and model, for the journal's intent. */
  readonly backend: string;
  readonly model: string;
  readonly takesImages: boolean;
  complete(request: ModelRequest): Promise<ModelAnswer>;
}
