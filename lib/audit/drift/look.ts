/** One look at an agent's runs of one kind. */
import type { Sql } from "../../db/client.ts";
import { type DriftAlert, driftAlertsOf } from "../../ledger/drift-alerts.ts";
import { detect, type MetricState } from "./detect.ts";
import type { RunFeatures, RunKind } from "./features.ts";
import { type Finding, type Findings, findingsOf } from "./findings.ts";
import { readRuns } from "./read-runs.ts";
import { newServedModels } from "./served-model.ts";
import { windowRuns } from "./thresholds.ts";

/** For how long an alert is shown, and a model that was told of is not told again. */
const shownDays = 30;

/** What a look sees. */
export interface Look extends Findings {
  /** Oldest first. */
  readonly runs: readonly RunFeatures[];
  readonly states: readonly MetricState[];
  /** Of this kind and the last days, newest first. */
  readonly alerts: readonly DriftAlert[];
}

export async function lookAt(
  sql: Sql,
  of: { readonly agent: string; readonly kind: RunKind; readonly baselineRuns: number; readonly now: Date },
): Promise<Look> {
  const { agent, kind, baselineRuns, now } = of;
  const since = new Date(now.getTime() - shownDays * 86_400_000);
  const [runs, all] = await Promise.all([
    readRuns(sql, agent, kind, baselineRuns + windowRuns),
    driftAlertsOf(sql, agent, { since }),
  ]);
  const alerts = all.filter(({ finding }) => finding.kind === kind);
  const states = detect(runs, {
    baselineRuns,
    since: (metric) => alerts.find(({ finding }) => finding.metric === metric)?.at,
  });
  const models = new Set(
    all.flatMap(({ finding, raisedAt }) => (finding.model !== undefined && raisedAt > since ? [finding.model] : [])),
  );
  const served: Finding[] = newServedModels(kind, runs, models);
  // What follows from another model began with it, and is told with it or not at all.
  const { fresh, joined } = findingsOf(kind, runs, states, [
    ...alerts.map(({ at }) => at),
    ...served.map((finding) => new Date(finding.since)),
  ]);
  return {
    runs,
    states,
    alerts: alerts.filter(({ raisedAt }) => raisedAt > since),
    fresh: [...served, ...fresh],
    joined,
  };
}
