/** Whether a number of each run has moved. */
import { median, midRank, normalQuantile, varianceInflation } from "./statistics.ts";
import { leastBaseline, leastChanged, leastRatio, levelThreshold, windowRuns } from "./thresholds.ts";

/** The likeliest change in a series. */
export interface Change {
  /** 1 and more: it counts as one. */
  readonly score: number;
  /** The index in the series where it began. */
  readonly from: number;
  /** The median or the share on each side. */
  readonly before: number;
  readonly after: number;
}

/** The split of a series into what is held against and what is looked at; undefined: too short yet. */
export function split(length: number, baselineRuns: number): { start: number; end: number } | undefined {
  const end = Math.max(leastBaseline, length - windowRuns);
  return length - end < leastChanged ? undefined : { start: Math.max(0, end - baselineRuns), end };
}

/**
 * The two-sample change-point scan on normal scores: each new value is ranked in the baseline, so that neither long tails
 * nor the scale matter, and for every number of newest runs their mean score is held against what chance, the baseline's
 * own length and its runs that are alike allow. Undefined: too short yet.
 */
export function levelChange(values: readonly number[], baselineRuns: number): Change | undefined {
  const sides = split(values.length, baselineRuns);
  if (!sides) return undefined;
  const baseline = values.slice(sides.start, sides.end);
  const sorted = baseline.toSorted((a, b) => a - b);
  const size = baseline.length;
  const score = (value: number): number => normalQuantile((midRank(sorted, value) + 0.5) / (size + 1));
  const own = baseline.map(score);
  const mean = own.reduce((sum, value) => sum + value, 0) / size;
  const inflation = varianceInflation(own);
  const before = median(baseline);

  let best: Change = { score: 0, from: values.length, before, after: before };
  let sum = 0;
  for (let count = 1; count <= values.length - sides.end; count++) {
    const from = values.length - count;
    sum += score(values[from] ?? 0) - mean;
    if (count < leastChanged) continue;
    const deviations = Math.abs(sum) / Math.sqrt(inflation * count * (1 + count / size));
    if (deviations / levelThreshold > best.score)
      best = { score: deviations / levelThreshold, from, before, after: before };
  }
  const after = median(values.slice(best.from === values.length ? sides.end : best.from));
  return { ...best, after, score: isFelt(before, after) ? best.score : Math.min(best.score, 0.5) };
}

const isFelt = (before: number, after: number): boolean =>
  Math.max(before, after) > leastRatio * Math.min(before, after);
