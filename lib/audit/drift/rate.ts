/** Whether something happens in another share of the runs than before. */
import { type Change, split } from "./level.ts";
import { chanceOf, varianceInflation } from "./statistics.ts";
import { leastChanged, leastHits, rateThreshold } from "./thresholds.ts";

/** How a share is looked at. */
export interface RateOptions {
  readonly baselineRuns: number;
  /** Whether that it happens less often is a change as well. */
  readonly bothWays: boolean;
  /** How many such series are looked at as one. */
  readonly among: number;
  readonly leastHits?: number;
}

/**
 * For every number of newest runs the exact chance of so many among them, by what the baseline had. A chance counts for
 * less where in the baseline what happened came in bursts. Undefined: too short yet.
 */
export function rateChange(hits: readonly boolean[], options: RateOptions): Change | undefined {
  const sides = split(hits.length, options.baselineRuns);
  if (!sides) return undefined;
  const baseline = hits.slice(sides.start, sides.end).map(Number);
  const of = baseline.length;
  const past = { hits: baseline.reduce((sum, hit) => sum + hit, 0), of };
  const before = past.hits / of;
  const bursts = varianceInflation(baseline);
  const least = options.leastHits ?? leastHits;

  let best: Change = { score: 0, from: hits.length, before, after: before };
  let count = 0;
  for (let from = hits.length - 1; from >= sides.end; from--) {
    const runs = hits.length - from;
    if (hits[from]) count += 1;
    if (runs < leastChanged) continue;
    const up = count / runs > before;
    // The best number of runs begins with one that has it, or where it became rare, after one that has.
    if (up ? !hits[from] || count < least : !options.bothWays || !(hits[from - 1] ?? true)) continue;
    const chance = Math.min(1, chanceOf(count, runs, past, up) * options.among);
    const score = -Math.log10(chance) / (rateThreshold * bursts);
    if (score > best.score) best = { score, from, before, after: count / runs };
  }
  if (best.from < hits.length) return best;
  const recent = hits.slice(sides.end).filter(Boolean).length / (hits.length - sides.end);
  return { ...best, after: recent };
}
