/** What else changed when an agent's behaviour did: its prompt, its policy, the model asked for or the one that served. */
import type { RunFeatures } from "./features.ts";
import { windowRuns } from "./thresholds.ts";

/** A likely cause, the nearest first. */
export interface Cause {
  readonly what: "prompt" | "policy" | "requested model" | "served model";
  readonly before: string;
  readonly after: string;
  /** Of the first run with it. */
  readonly at: string;
}

const shownHash = (hash: string): string => hash.slice(0, 12);

const traits: readonly { readonly what: Cause["what"]; readonly of: (run: RunFeatures) => string }[] = [
  { what: "prompt", of: (run) => shownHash(run.promptHash) },
  { what: "policy", of: (run) => shownHash(run.policyHash) },
  { what: "requested model", of: (run) => run.requestedModels.toSorted().join(", ") },
  { what: "served model", of: (run) => run.servedModels.toSorted().join(", ") },
];

/** Of runs of which the one at `from` is the first that behaves otherwise: where a change begins is known to some runs only. */
export function likelyCauses(runs: readonly RunFeatures[], from: number): Cause[] {
  const found = traits.flatMap(({ what, of }) => {
    const values = runs.map(of);
    const before = commonest(values.slice(0, from));
    const after = commonest(values.slice(from));
    if (before === undefined || after === undefined || before === after) return [];
    const at = values.indexOf(after, Math.max(0, from - windowRuns));
    const run = runs[at];
    return run
      ? [{ cause: { what, before, after, at: run.startedAt.toISOString() }, distance: Math.abs(at - from) }]
      : [];
  });
  return found.toSorted((a, b) => a.distance - b.distance).map(({ cause }) => cause);
}

/** Undefined where there is none but the empty one. */
function commonest(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0];
}
