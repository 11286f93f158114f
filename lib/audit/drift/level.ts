/** Whether a number of each run has moved. */
import { likeness, Sittings } from "./sittings.ts";
import { dot, leastSquares, mean, median, midRank, normalQuantile, quantile } from "./statistics.ts";
import { leastBaseline, leastChanged, levelThreshold, mostScore, windowRuns } from "./thresholds.ts";

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
  /** In how many sittings a change must be seen. */
  readonly leastSittings: number;
  /** A change by less is nobody's trouble, however sure it is. */
  readonly leastRatio: number;
  /** What each would be without a change, as far as something else explains it: only the rest is looked at. */
  readonly explained?: Explained;
}

/** Of each value what explains a part of it: of its logarithm, or of the value itself where the parts are a `sum`. */
export interface Explained {
  readonly by: readonly (readonly number[])[];
  readonly sum: boolean;
}

/** The logarithms of the values over what the baseline, from `start` to `end`, makes one expect of each. */
function unexplained(values: readonly number[], { by, sum }: Explained, start: number, end: number): number[] {
  const least = Number.EPSILON;
  const logs = values.map((value) => Math.log(Math.max(value, least)));
  // Of a sum it is the error in proportion that is to be small.
  const rows = sum ? by.map((row, at) => row.map((part) => part / Math.max(values[at] ?? 0, least))) : by;
  const aims = sum ? values.map(() => 1) : logs;
  const weights = leastSquares(rows.slice(start, end), aims.slice(start, end));
  return rows.map((row, at) =>
    sum ? -Math.log(Math.max(dot(row, weights), least)) : (logs[at] ?? 0) - dot(row, weights),
  );
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
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  // A rank says no more than that a value is the largest; of what is explained as far as it can be, it matters by how much.
  const spread = options.explained?.sum === false ? (quantile(sorted, 0.84) - quantile(sorted, 0.16)) / 2 : 0;
  const beyond = (value: number): number =>
    spread > 0 ? (Math.max(0, value - most) - Math.max(0, least - value)) / spread : 0;
  const score = (value: number): number =>
    Math.max(
      -mostScore,
      Math.min(mostScore, normalQuantile((midRank(sorted, value) + 0.5) / (size + 1)) + beyond(value)),
    );
  const own = baseline.map(score);
  const usual = mean(own);
  // Values that are all the same still vary by what a rank tells: what differs from them is seen by `isFelt`.
  const unit = mean(own.map((value) => (value - usual) ** 2)) || 1;
  const past = sittings.slice(sides.start, sides.end);
  const alike = likeness(own, past);
  const usualSittings = Sittings.of(past);
  const ofMean = usualSittings.variance(alike) / size ** 2;
  const before = options.middle(values.slice(sides.start, sides.end));

  let best = { deviations: 0, from: values.length };
  let sum = 0;
  const recent = new Sittings();
  for (let from = values.length - 1; from >= sides.end; from--) {
    sum += score(compared[from] ?? 0) - usual;
    recent.add(sittings[from] ?? 0);
    const count = values.length - from;
    if (count < leastChanged || recent.count < options.leastSittings) continue;
    const deviations = Math.abs(sum) / Math.sqrt(unit * (recent.variance(alike) + count ** 2 * ofMean));
    if (deviations > best.deviations) best = { deviations, from };
  }
  const reached = best.deviations / levelThreshold(usualSittings.count);
  const newest = best.from === values.length ? sides.end : best.from;
  // Where something else explains a part, it is told what the change alone makes of the usual.
  const after = options.explained
    ? before * Math.exp(median(compared.slice(newest)) - median(baseline))
    : options.middle(values.slice(newest));
  const felt = Math.max(before, after) > options.leastRatio * Math.min(before, after);
  return { score: felt ? reached : Math.min(reached, 0.5), from: best.from, before, after };
}
