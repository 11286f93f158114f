/** Looks at agents as their runs end, and tells the operator of each change once. */
import type { Config } from "../../config/config.ts";
import type { Report } from "../../conversation/report.ts";
import type { Sql } from "../../db/client.ts";
import type { EachMinute } from "../../jobs/tick.ts";
import { keepDriftAlerts } from "../../ledger/drift-alerts.ts";
import type { RunKind } from "./features.ts";
import { lookAt } from "./look.ts";
import { endedSince } from "./read-runs.ts";
import { driftMessage } from "./words.ts";

export interface DriftWatchDeps {
  readonly config: () => Pick<Config, "drift" | "timezone">;
  readonly sql: Sql;
  readonly report: Report;
}

/** A look is made once so many runs of an agent and kind have ended, or so long after the last. */
const enoughRuns = 10;
const patienceMs = 5 * 60_000;

/** What ended while no gateway ran is looked at too. */
const firstLookMs = 86_400_000;

/** The clocks of the gateway and of the database need not agree to the second. */
const overlapMs = 5_000;

/** With `drift.watch`: what is done each minute. */
export function watchDrift(deps: DriftWatchDeps): EachMinute {
  let last: Date | undefined;
  return async (now) => {
    if (!deps.config().drift.watch) return;
    const since = last ?? new Date(now.getTime() - firstLookMs);
    const ended = await endedSince(deps.sql, new Date(since.getTime() - overlapMs));
    const due = now.getTime() - since.getTime() >= patienceMs || ended.some(({ runs }) => runs >= enoughRuns);
    if (!due) return;
    last = now;
    for (const { agent, kind } of ended) await tellChanges(deps, { agent, kind, now });
  };
}

async function tellChanges(
  { config, sql, report }: DriftWatchDeps,
  of: { readonly agent: string; readonly kind: RunKind; readonly now: Date },
): Promise<void> {
  const { agent, kind } = of;
  const { drift, timezone } = config();
  const { fresh, joined } = await lookAt(sql, { ...of, baselineRuns: drift.baseline_runs });
  const [main] = fresh;
  // Told before it is kept: what a crash leaves between the two is told again under the same key, which is dropped.
  if (main) {
    const key = `drift:${agent}:${kind}:${main.metric}:${main.since}`;
    await report({ key, text: driftMessage(agent, fresh, timezone) });
  }
  if (fresh.length + joined.length > 0) await keepDriftAlerts(sql, agent, [...fresh, ...joined]);
}
