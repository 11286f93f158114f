/** Whether a number of each run has moved. */
import { likeness, Sittings } from "./sittings.ts";
import { dot, leastSquares, mean, midRank, normalQuantile } from "./statistics.ts";
import {
  leastBaseline,
  leastChanged,
  leastRatio,
  leastSittings,
  levelThreshold,
  mostScore,
  windowRuns,
} from "./thresholds.ts";

/** The likeliest change in a series. */
export interface Change {
  /** 1 and more: it counts as one. */
  readonly score: number;
  /** The index in the series where it began. */
  readonly from: number;
  /** The median, the mean of small counts, or the share, on each side. */
  readonly before: number;
  readonly after: number;
}

/** The split of a series into what is held against and what is looked at; undefined: too short yet. */
export function split(length: number, baselineRuns: number): { start: number; end: number } | undefined {
  const end = Math.max(leastBaseline, length - windowRuns);
  return length - end < leastChanged ? undefined : { start: Math.max(0, end - baselineRuns), end };
}

/** How numbers are looked at. */
export interface LevelOptions {
  readonly baselineRuns: number;
  /** What a side is told by. */
  readonly middle: (values: readonly number[]) => number;
  /** Of each, what explains a part of its logarithm: only the rest is looked at. */
  readonly explained?: readonly (readonly number[])[];
}

/** What `explained` leaves of the logarithms, by the baseline from `start` to `end`. */
function unexplained(values: readonly number[], explained: readonly (readonly number[])[], start: number, end: number) {
  const logs = values.map((value) => Math.log(Math.max(value, Number.EPSILON)));
  const weights = leastSquares(explained.slice(start, end), logs.slice(start, end));
  return logs.map((log, at) => log - dot(explained[at] ?? [], weights));
}

/**
 * The two-sample change-point scan on normal scores: each new value is ranked in the baseline, so that neither long tails
 * nor the scale matter, and for every number of newest runs their mean score is held against what chance allows, by the
 * baseline's own length and by how much runs of one sitting are alike. `sittings` names each value's. Undefined: too short yet.
 */
export function levelChange(
  values: readonly number[],
  sittings: readonly number[],
  options: LevelOptions,
): Change | undefined {
  const sides = split(values.length, options.baselineRuns);
  if (!sides) return undefined;
  const compared = options.explained ? unexplained(values, options.explained, sides.start, sides.end) : values;
  const baseline = compared.slice(sides.start, sides.end);
  const sorted = baseline.toSorted((a, b) => a - b);
  const size = baseline.length;
  const score = (value: number): number =>
    Math.max(-mostScore, Math.min(mostScore, normalQuantile((midRank(sorted, value) + 0.5) / (size + 1))));
  const own = baseline.map(score);
  const usual = mean(own);
  // Values that are all the same still vary by what a rank tells: what differs from them is seen by `isFelt`.
  const unit = mean(own.map((value) => (value - usual) ** 2)) || 1;
  const past = sittings.slice(sides.start, sides.end);
  const alike = likeness(own, past);
  const ofMean = Sittings.of(past).variance(alike) / size ** 2;
  const before = options.middle(values.slice(sides.start, sides.end));

  let best = { deviations: 0, from: values.length };
  let sum = 0;
  const recent = new Sittings();
  for (let from = values.length - 1; from >= sides.end; from--) {
    sum += score(compared[from] ?? 0) - usual;
    recent.add(sittings[from] ?? 0);
    const count = values.length - from;
    if (count < leastChanged || recent.count < leastSittings) continue;
    const deviations = Math.abs(sum) / Math.sqrt(unit * (recent.variance(alike) + count ** 2 * ofMean));
    if (deviations > best.deviations) best = { deviations, from };
  }
  const reached = best.deviations / levelThreshold;
  const after = options.middle(values.slice(best.from === values.length ? sides.end : best.from));
  return { score: isFelt(before, after) ? reached : Math.min(reached, 0.5), from: best.from, before, after };
}

const isFelt = (before: number, after: number): boolean =>
  Math.max(before, after) > leastRatio * Math.min(before, after);
