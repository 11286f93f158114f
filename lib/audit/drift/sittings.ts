/**
 * Runs of one sitting, in which somebody talks about one subject, are alike: five of them tell hardly more than one. What is
 * counted over runs has to allow for it, or each new subject would be drift.
 */
import type { RunFeatures } from "./features.ts";
import { mean } from "./statistics.ts";
import { outageMs, sittingMs } from "./thresholds.ts";

/** Input that fell by less, of the whole and of what the history had grown, is no history left out. */
const leastFall = { ofInput: 0.05, ofHistory: 0.33 };

/** By no more than this does what a history begins with grow from one to the next. */
const mostRise = 1.2;

/**
 * How many runs of its conversation the model was shown again in each, as far as input tells: the history began anew where
 * it fell by a good part of all that the history had grown. An old history that is cut to its limit falls by less.
 */
export function placesOf(runs: readonly Pick<RunFeatures, "conversationId" | "firstInputTokens">[]): number[] {
  const open = new Map<string, { place: number; input: number }>();
  let least = Number.POSITIVE_INFINITY;
  return runs.map(({ conversationId, firstInputTokens }) => {
    const before = open.get(conversationId);
    const input = firstInputTokens ?? before?.input ?? least;
    const fell = before ? before.input - input : 0;
    const history = before ? before.input - Math.min(least, input) : 0;
    const anew = !before || fell > Math.max(leastFall.ofInput * before.input, leastFall.ofHistory * history);
    // What a history begins with may grow, and what is read later is held against what it has grown to.
    least = before && anew ? Math.min(input, mostRise * least) : Math.min(least, input);
    const place = anew ? 0 : before.place + 1;
    open.set(conversationId, { place, input });
    return place;
  });
}

/** The sitting of each run, by a number: it ends with a rest, or where the history begins anew. `runs`: oldest first. */
export function sittingsOf(
  runs: readonly Pick<RunFeatures, "conversationId" | "startedAt">[],
  places: readonly number[],
): number[] {
  const open = new Map<string, { sitting: number; until: number }>();
  let last = 0;
  return runs.map(({ conversationId, startedAt }, index) => {
    const at = startedAt.getTime();
    const before = open.get(conversationId);
    const sitting = before && at <= before.until && places[index] !== 0 ? before.sitting : ++last;
    open.set(conversationId, { sitting, until: at + sittingMs });
    return sitting;
  });
}

/** Hits without those that come soon after another: all that fails in one outage is one failure. `runs`: oldest first. */
export function apart(hits: readonly boolean[], runs: readonly Pick<RunFeatures, "startedAt">[]): boolean[] {
  let last = Number.NEGATIVE_INFINITY;
  return hits.map((hit, index) => {
    const at = runs[index]?.startedAt.getTime() ?? 0;
    const counts = hit && at - last >= outageMs;
    if (hit) last = at;
    return counts;
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
