/** What of a run is watched, and under which name. */
import type { RunFeatures } from "./features.ts";
import {
  leastRatioOfInput,
  leastRatioOfPrice,
  leastSittingsOfInput,
  leastSittingsOfPace,
  leastSittingsOfPrice,
} from "./thresholds.ts";

/** The unit a metric's numbers are in, for whoever prints them. */
export type Unit = "count" | "tokens" | "milliseconds" | "seconds" | "money" | "characters" | "share";

/** A number of each run, positive or 0. */
export interface LevelMetric {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Undefined: the run has none, and counts for no side. */
  readonly value: (run: RunFeatures) => number | undefined;
  /** What else explains a part of its logarithm and is allowed for; `place`: how many runs of its history are shown again. */
  readonly explained?: (run: RunFeatures, place: number) => readonly number[];
  /** The parts that explain it add up to it, and not to its logarithm. */
  readonly sum?: boolean;
  /** In how many sittings a change must be seen; left out, in `leastSittings` of the thresholds. */
  readonly leastSittings?: number;
  /** By how much it must move to be told; left out, by `leastRatio` of the thresholds. */
  readonly leastRatio?: number;
}

/** Something that happens in a run or does not. */
export interface RateMetric {
  readonly name: string;
  readonly title: string;
  readonly hit: (run: RunFeatures) => boolean;
  /** An outage makes many of them at once, which count as one. */
  readonly outages?: boolean;
}

const length = (run: RunFeatures): number => Math.log(Math.max(1, (run.outputTokens ?? 1) / Math.max(1, run.calls)));

/** The history that is read again grows by the run, and then no more. */
const history = (place: number): readonly number[] => [Math.log1p(place), Math.min(place, 6), Math.min(place, 20)];

/** A provider is slower by day than by night. */
function hour({ startedAt }: RunFeatures): readonly number[] {
  const turn = (2 * Math.PI * startedAt.getTime()) / 86_400_000;
  return [Math.sin(turn), Math.cos(turn)];
}

const callMean = (run: RunFeatures, sum: number | null): number | undefined =>
  sum === null || run.calls === 0 ? undefined : sum / run.calls;

/** Each kind's share of the tokens: weighted by the kinds' prices they add up to what a token costs. */
function priceParts(run: RunFeatures): readonly number[] {
  const [input, output, cached] = [run.inputTokens ?? 0, run.outputTokens ?? 0, run.cachedTokens ?? 0];
  return [input - cached, output, cached].map((tokens) => tokens / (input + output));
}

/**
 * Per call as well as per run: a run's sums vary with its steps, so that a creep in each call is seen long before it shows
 * in them. Milliseconds a token tell one model from another where answers of all lengths are mixed.
 */
export const levelMetrics: readonly LevelMetric[] = [
  { name: "steps", title: "steps", unit: "count", value: (run) => (run.failed ? undefined : run.steps) },
  {
    name: "tool_calls",
    title: "tool calls",
    unit: "count",
    value: (run) => (run.failed ? undefined : run.tools.length),
  },
  {
    name: "input_tokens_per_call",
    title: "input tokens a call",
    unit: "tokens",
    value: (run) => callMean(run, run.inputTokens),
    leastSittings: leastSittingsOfInput,
    leastRatio: leastRatioOfInput,
    explained: (run, place) => [1, Math.log(run.calls), ...history(place)],
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
    leastSittings: leastSittingsOfPace,
    explained: (run) => [1, length(run), ...hour(run)],
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
    leastSittings: leastSittingsOfInput,
    leastRatio: leastRatioOfInput,
    explained: (run, place) => [1, Math.log(run.calls), length(run), ...history(place)],
  },
  {
    name: "price",
    title: "cost of a million tokens",
    unit: "money",
    value: (run) => {
      const tokens = (run.inputTokens ?? 0) + (run.outputTokens ?? 0);
      return tokens > 0 && run.cost ? (1e6 * run.cost) / tokens : undefined;
    },
    explained: priceParts,
    sum: true,
    leastSittings: leastSittingsOfPrice,
    leastRatio: leastRatioOfPrice,
  },
  {
    name: "answer_length",
    title: "answer length",
    unit: "characters",
    value: (run) => (run.failed ? undefined : (run.answerLength ?? undefined)),
  },
];

export const rateMetrics: readonly RateMetric[] = [
  { name: "failed", title: "runs that failed", hit: (run) => run.failed, outages: true },
  { name: "tool_errors", title: "runs with a tool's error", hit: (run) => run.toolErrors > 0, outages: true },
  { name: "denials", title: "runs with a denied call", hit: (run) => run.denials > 0 },
  {
    name: "refused_approvals",
    title: "runs with an approval refused or expired",
    hit: (run) => run.refusedApprovals > 0,
  },
  { name: "refusals", title: "runs in which the model refused", hit: (run) => run.refusals > 0 },
];
