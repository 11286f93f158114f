import type { Comparison, Figures } from "./compare.ts";

/** What many replays came to. A sum or median is null where one of its parts is unknown, or there is none. */
export interface Summary {
  readonly runs: number;
  /** The same calls with the same arguments, in order. */
  readonly sameCalls: number;
  /** Runs in which the policy said something else, or would not simply allow a new call. */
  readonly decisionsDiffer: readonly string[];
  readonly before: Sums;
  readonly after: Sums;
  /** Runs that could not be replayed, and why. */
  readonly skipped: readonly { readonly run: string; readonly reason: string }[];
}

interface Sums {
  /** Runs that did not end as done. */
  readonly failed: number;
  readonly cost: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Median of the milliseconds that a run's model took. */
  readonly medianMilliseconds: number | null;
}

/** Counts comparisons together. */
export function summarize(comparisons: readonly Comparison[], skipped: Summary["skipped"]): Summary {
  return {
    runs: comparisons.length,
    sameCalls: comparisons.filter(({ sameCalls }) => sameCalls).length,
    decisionsDiffer: comparisons
      .filter(({ pairs }) => pairs.some(({ decisionDiffers }) => decisionDiffers))
      .map(({ run }) => run),
    before: sumsOf(comparisons.map(({ recorded }) => recorded)),
    after: sumsOf(comparisons.map(({ replayed }) => replayed)),
    skipped,
  };
}

const sumsOf = (all: readonly Figures[]): Sums => ({
  failed: all.filter(({ state }) => state !== "done").length,
  cost: total(all.map(({ cost }) => cost)),
  inputTokens: total(all.map(({ inputTokens }) => inputTokens)),
  outputTokens: total(all.map(({ outputTokens }) => outputTokens)),
  medianMilliseconds: median(all.map(({ milliseconds }) => milliseconds)),
});

const total = (values: readonly (number | undefined)[]): number | null =>
  values.every((value) => value !== undefined) ? values.reduce((sum, value) => sum + value, 0) : null;

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
