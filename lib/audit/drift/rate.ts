/** Whether something happens in another share of the runs than before. */
import { type Change, split } from "./level.ts";
import { Sittings } from "./sittings.ts";
import { chanceOf } from "./statistics.ts";
import { leastChanged, leastSittings, manySittings } from "./thresholds.ts";

/** How a share is looked at. */
export interface RateOptions {
  readonly baselineRuns: number;
  /** Whether that it happens less often is a change as well. */
  readonly bothWays: boolean;
  /** In powers of ten of the chance. */
  readonly threshold: number;
  /** How many such series are looked at as one. */
  readonly among: number;
  /** What there must be of it since the change. */
  readonly least: { readonly hits: number; readonly sittings: number };
  /** How much runs of one sitting are alike in it, 0 to 1. */
  readonly alike: number;
}

/**
 * For every number of newest runs the exact chance of so many among them, by what the baseline had. It counts for less
 * where runs of one sitting are alike. `sittings` names each run's. Undefined: too short yet.
 */
export function rateChange(
  hits: readonly boolean[],
  sittings: readonly number[],
  options: RateOptions,
): Change | undefined {
  const sides = split(hits.length, options.baselineRuns);
  if (!sides) return undefined;
  const baseline = hits.slice(sides.start, sides.end);
  const past = { hits: baseline.filter(Boolean).length, of: baseline.length };
  const before = past.hits / past.of;
  const { least } = options;

  // What none of many sittings had is new, by whatever subject.
  const isNew = past.hits === 0 && Sittings.of(sittings.slice(sides.start, sides.end)).count >= manySittings;

  let best: Change = { score: 0, from: hits.length, before, after: before };
  const [recent, having] = [new Sittings(), new Sittings()];
  for (let from = hits.length - 1; from >= sides.end; from--) {
    recent.add(sittings[from] ?? 0);
    if (hits[from]) having.add(sittings[from] ?? 0);
    const runs = hits.length - from;
    // What never happened before needs no crowd to be told from chance.
    if (past.hits > 0 && (runs < leastChanged || recent.count < leastSittings)) continue;
    const share = having.size / runs;
    const up = share > before;
    // The best number of runs begins with one that has it or, where it became rare, after one that has.
    if (up && (!hits[from] || having.size < least.hits || having.count < least.sittings)) continue;
    if (!up && (!options.bothWays || !hits[from - 1])) continue;
    const chance = Math.min(1, chanceOf(having.size, runs, past, up) * options.among);
    const score = -Math.log10(chance) / (options.threshold * (recent.variance(isNew ? 0 : options.alike) / runs));
    if (score > best.score) best = { score, from, before, after: share };
  }
  if (best.from < hits.length) return best;
  return { ...best, after: having.size / (hits.length - sides.end) };
}
