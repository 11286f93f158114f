/** What of a run is watched, and under which name. */
import type { RunFeatures } from "./features.ts";

/** The unit a metric's numbers are in, for whoever prints them. */
export type Unit = "count" | "tokens" | "milliseconds" | "seconds" | "money" | "characters" | "share";

/** A number of each run, positive or 0. */
export interface LevelMetric {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Undefined: the run has none, and counts for no side. */
  readonly value: (run: RunFeatures) => number | undefined;
  /** Depends on how many calls a run has and how far into its sitting it is, which is allowed for. */
  readonly perCall?: true;
}

/** Something that happens in a run or does not. */
export interface RateMetric {
  readonly name: string;
  readonly title: string;
  readonly hit: (run: RunFeatures) => boolean;
}

const callMean = (run: RunFeatures, sum: number | null): number | undefined =>
  sum === null || run.calls === 0 ? undefined : sum / run.calls;

/**
 * Per call as well as per run: a run's sums vary with its steps, so that a creep in each call is seen long before it shows
 * in them. Milliseconds a token tell one model from another where answers of all lengths are mixed.
 */
export const levelMetrics: readonly LevelMetric[] = [
  { name: "steps", title: "steps", unit: "count", value: (run) => (run.failed ? undefined : run.steps) },
  { name: "tool_calls", title: "tool calls", unit: "count", value: (run) => (run.failed ? undefined : run.tools.length) },
  {
    name: "input_tokens_per_call",
    title: "input tokens a call",
    unit: "tokens",
    value: (run) => callMean(run, run.inputTokens),
    perCall: true,
  },
  {
    name: "output_tokens",
    title: "output tokens",
    unit: "tokens",
    value: (run) => (run.calls === 0 ? undefined : (run.outputTokens ?? undefined)),
  },
  {
    name: "model_ms_per_call",
    title: "model time a call",
    unit: "milliseconds",
    value: (run) => callMean(run, run.modelMs),
  },
  {
    name: "model_ms_per_token",
    title: "model time an output token",
    unit: "milliseconds",
    value: (run) => (run.outputTokens ? run.modelMs / run.outputTokens : undefined),
  },
  {
    name: "seconds",
    title: "time of work",
    unit: "seconds",
    value: (run) => (run.failed ? undefined : (run.modelMs + run.toolMs) / 1_000),
  },
  {
    name: "cost",
    title: "cost",
    unit: "money",
    value: (run) => (run.calls === 0 ? undefined : (run.cost ?? undefined)),
  },
  {
    name: "cost_per_call",
    title: "cost a call",
    unit: "money",
    value: (run) => callMean(run, run.cost),
    perCall: true,
  },
  {
    name: "answer_length",
    title: "answer length",
    unit: "characters",
    value: (run) => (run.failed ? undefined : (run.answerLength ?? undefined)),
  },
];

export const rateMetrics: readonly RateMetric[] = [
  { name: "failed", title: "runs that failed", hit: (run) => run.failed },
  { name: "tool_errors", title: "runs with a tool's error", hit: (run) => run.toolErrors > 0 },
  { name: "denials", title: "runs with a denied call", hit: (run) => run.denials > 0 },
  {
    name: "refused_approvals",
    title: "runs with an approval refused or expired",
    hit: (run) => run.refusedApprovals > 0,
  },
  { name: "refusals", title: "runs in which the model refused", hit: (run) => run.refusals > 0 },
];
