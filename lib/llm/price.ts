import type { ModelAnswer, Usage } from "../agent/model.ts";
import type { Backend } from "../config/config.ts";

/** The answer with what it cost, where that is known, and the model that was asked for. */
export function priced(backend: Backend, answer: ModelAnswer): ModelAnswer {
  const amount = costOf(backend, answer.usage);
  return {
    ...answer,
    requestModel: backend.model,
    ...(amount !== undefined && { cost: { amount, source: "config" } }),
  };
}

/** What a call cost in the currency of `price` (per million tokens); undefined where tokens or price are unknown. */
export function costOf(backend: Backend, usage: Usage | undefined): number | undefined {
  const { price } = backend;
  if (!price || !usage) return undefined;
  // Providers count cached tokens inside the input tokens.
  const cached = Math.min(usage.cachedTokens ?? 0, usage.inputTokens);
  const fresh = usage.inputTokens - cached;
  return (fresh * price.input + cached * (price.cached ?? price.input) + usage.outputTokens * price.output) / 1e6;
}
