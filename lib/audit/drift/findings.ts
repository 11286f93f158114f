/** What of the metrics' states is new, and what of it is one change. */
import { type Cause, likelyCauses } from "./causes.ts";
import type { MetricState } from "./detect.ts";
import type { RunFeatures, RunKind } from "./features.ts";
import { alsoScore, sameChangeRuns } from "./thresholds.ts";

/** A change in one metric, as it is told and kept. Nothing in it was said by anybody. */
export interface Finding extends Omit<MetricState, "from"> {
  readonly kind: RunKind;
  /** When the first run after the change began: an ISO instant. */
  readonly since: string;
  /** Runs since, and of the baseline. */
  readonly runs: number;
  readonly baseline: number;
  readonly causes: readonly Cause[];
}

/** Findings of one look at one kind. */
export interface Findings {
  /** To be told as one, the surest first. */
  readonly fresh: readonly Finding[];
  /** Belong to a change that was told before, and are only kept. */
  readonly joined: readonly Finding[];
}

/**
 * `toldAt`: where the changes began that were told of this kind. What a change does shows sooner in one metric than in
 * another; those that began at about the same run are one, and told once.
 */
export function findingsOf(
  kind: RunKind,
  runs: readonly RunFeatures[],
  states: readonly MetricState[],
  toldAt: readonly Date[],
): Findings {
  const finding = ({ from, ...state }: MetricState): Finding => ({
    ...state,
    kind,
    since: runs[from]?.startedAt.toISOString() ?? "",
    runs: runs.length - from,
    baseline: from,
    causes: likelyCauses(runs, from),
  });
  const known = toldAt.map((at) => runs.filter(({ startedAt }) => startedAt < at).length);
  const near = (from: number, others: readonly number[]): boolean =>
    others.some((other) => Math.abs(from - other) <= sameChangeRuns);
  const sorted = states.filter(({ from }) => from < runs.length).toSorted((a, b) => b.score - a.score);
  const changed = sorted.filter(({ score }) => score >= 1);
  const fresh = changed.filter(({ from }) => !near(from, known));
  const begun = fresh.map(({ from }) => from);
  const also = sorted.filter(({ score, from }) => score < 1 && score >= alsoScore && near(from, begun));
  return {
    fresh: [...fresh, ...also].map(finding),
    joined: changed.filter((state) => !fresh.includes(state)).map(finding),
  };
}
