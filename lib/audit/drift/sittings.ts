/**
 * Runs of one sitting, in which somebody talks about one subject, are alike: five of them tell hardly more than one. What is
 * counted over runs has to allow for it, or each new subject would be drift.
 */
import type { RunFeatures } from "./features.ts";
import { mean } from "./statistics.ts";
import { sittingMs } from "./thresholds.ts";

/** The sitting of each run, by a number. `runs`: oldest first. */
export function sittingsOf(runs: readonly Pick<RunFeatures, "conversationId" | "startedAt">[]): number[] {
  const open = new Map<string, { sitting: number; until: number }>();
  let last = 0;
  return runs.map(({ conversationId, startedAt }) => {
    const at = startedAt.getTime();
    const before = open.get(conversationId);
    const sitting = before && at <= before.until ? before.sitting : ++last;
    open.set(conversationId, { sitting, until: at + sittingMs });
    return sitting;
  });
}

/** How many runs of its sitting were before each: what was said in them is read again. */
export function placesOf(sittings: readonly number[]): number[] {
  const counts = new Map<number, number>();
  return sittings.map((sitting) => {
    const before = counts.get(sitting) ?? 0;
    counts.set(sitting, before + 1);
    return before;
  });
}

/** How many runs there are of how many sittings. */
export class Sittings {
  readonly #sizes = new Map<number, number>();
  #size = 0;
  /** Sum of the squares of the sittings' sizes. */
  #squares = 0;

  static of(sittings: readonly number[]): Sittings {
    const all = new Sittings();
    for (const sitting of sittings) all.add(sitting);
    return all;
  }

  add(sitting: number): void {
    const size = this.#sizes.get(sitting) ?? 0;
    this.#sizes.set(sitting, size + 1);
    this.#size += 1;
    this.#squares += 2 * size + 1;
  }

  get count(): number {
    return this.#sizes.size;
  }

  get size(): number {
    return this.#size;
  }

  /** Of the sum over the runs, that of one run being 1. */
  variance(alike: number): number {
    return this.#size + (this.#squares - this.#size) * alike;
  }
}

/** The intraclass correlation, 0 to 1: how much of what makes runs differ is between sittings. */
export function likeness(values: readonly number[], sittings: readonly number[]): number {
  const middle = mean(values);
  const sums = new Map<number, number>();
  let own = 0;
  values.forEach((value, at) => {
    const sitting = sittings[at] ?? 0;
    sums.set(sitting, (sums.get(sitting) ?? 0) + (value - middle));
    own += (value - middle) ** 2;
  });
  const all = Sittings.of(sittings);
  const pairs = all.variance(1) - all.size;
  if (own === 0 || pairs === 0) return 0;
  const squares = [...sums.values()].reduce((sum, value) => sum + value ** 2, 0);
  return Math.min(1, Math.max(0, ((squares - own) / pairs) * (values.length / own)));
}
