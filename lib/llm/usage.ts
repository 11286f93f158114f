/** What a call used, of the counts that servers report. */
import type { Cost, Usage } from "../agent/model.ts";
import { asAmount, asCount } from "./wire.ts";

/** The counts of either API, under one set of names; any of them may be missing or no number. */
export interface WireCounts {
  readonly input: unknown;
  readonly output: unknown;
  readonly total: unknown;
  readonly cached: unknown;
  readonly reasoning: unknown;
}

/**
 * Usage with the reasoning inside the output, where OpenAI has it. Some servers count it beside the output: then it is
 * more than the output, or the total is greater than input and output by just that. A total that is greater without a word
 * why was thought as well, since that is billed (Gemini's compatible API).
 */
export function toUsage(counts: WireCounts): Usage | undefined {
  const inputTokens = asCount(counts.input);
  const outputTokens = asCount(counts.output);
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  const cachedTokens = asCount(counts.cached);
  const unnamed = Math.max(0, (asCount(counts.total) ?? 0) - inputTokens - outputTokens);
  // A cached part that is counted beside the input would be no thinking.
  const reasoningTokens = asCount(counts.reasoning) ?? (unnamed > 0 && unnamed !== cachedTokens ? unnamed : undefined);
  const beside = reasoningTokens !== undefined && (reasoningTokens > outputTokens || reasoningTokens === unnamed);
  return {
    inputTokens,
    outputTokens: beside ? outputTokens + reasoningTokens : outputTokens,
    cachedTokens,
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

/** The cost that providers put beside the counts, in US dollars. */
export interface WireCost {
  /** A number (OpenRouter), or sums by their names (Perplexity). */
  readonly cost?: unknown;
  readonly is_byok?: unknown;
  readonly cost_details?: { readonly upstream_inference_cost?: unknown } | null;
}

/** What the provider itself says that the call cost. */
export function reportedCost(usage: WireCost | null | undefined): Cost | undefined {
  const { cost } = usage ?? {};
  const amount = asAmount(
    typeof cost === "object" && cost !== null ? (cost as { readonly total_cost?: unknown }).total_cost : cost,
  );
  if (amount === undefined) return undefined;
  // With the operator's own key at OpenRouter its cost is the fee alone; the model is billed by whoever runs it.
  const upstream = usage?.is_byok === true ? (asAmount(usage.cost_details?.upstream_inference_cost) ?? 0) : 0;
  return { amount: amount + upstream, source: "provider" };
}
