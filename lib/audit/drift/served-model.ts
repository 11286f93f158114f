/** Another model that answers is a finding at once: nothing about it is a matter of chance. */
import type { RunFeatures, RunKind } from "./features.ts";
import { likelyCauses } from "./causes.ts";
import type { Finding } from "./findings.ts";
import { windowRuns } from "./thresholds.ts";

/** Runs that must have been served before one by another model says anything. */
const leastRuns = 5;

/** Each model that served one of the newest runs and none before, but those in `known`. `runs`: of one kind, oldest first. */
export function newServedModels(kind: RunKind, runs: readonly RunFeatures[], known: ReadonlySet<string>): Finding[] {
  const seen = new Set<string>();
  return runs.flatMap((run, from) => {
    const fresh = run.servedModels.filter((model) => !seen.has(model));
    for (const model of run.servedModels) seen.add(model);
    if (from < leastRuns || from < runs.length - windowRuns) return [];
    return fresh
      .filter((model) => !known.has(model) && runs.slice(0, from).some(({ servedModels }) => servedModels.length > 0))
      .map((model): Finding => {
        const having = runs.slice(from).filter(({ servedModels }) => servedModels.includes(model));
        return {
          metric: "served_model",
          title: "runs served by another model",
          unit: "share",
          model,
          before: 0,
          after: having.length / (runs.length - from),
          score: 1,
          kind,
          since: run.startedAt.toISOString(),
          runs: runs.length - from,
          baseline: from,
          examples: having.slice(-2).map(({ id }) => id),
          causes: likelyCauses(runs, from),
        };
      });
  });
}
