import { undelivered } from "../lib/conversation/deliver.ts";
import type { Report } from "../lib/conversation/report.ts";
import type { Sql } from "../lib/db/client.ts";
import { dropRunBudgets } from "../lib/ledger/budgets.ts";
import { endLostDryRuns } from "../lib/ledger/job-slots.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Lanes } from "../lib/queue/lanes.ts";
import { sweep } from "../lib/queue/sweep.ts";

/** How long a message may wait for the process that took it in before another looks after it. */
const patienceMs = 2_000;
const everyMs = 5_000;
const hourMs = 3_600_000;

/** Recovers at once what a dead process left behind, then every few seconds, until the returned function is called. */
export async function startRecovery(deps: {
  readonly sql: Sql;
  readonly lanes: Lanes;
  readonly report: Report;
  readonly metrics: Metrics;
  readonly log: Log;
}): Promise<() => void> {
  const tidy = async (): Promise<void> => {
    await dropRunBudgets(deps.sql);
    await endLostDryRuns(deps.sql);
  };
  await recover(deps, 0);
  await tidy();
  const failed = (err: unknown): void => deps.log.error({ err }, "recovery failed; it is tried again");
  const timers = [
    setInterval(() => void recover(deps, patienceMs).catch(failed), everyMs),
    setInterval(() => void tidy().catch(failed), hourMs),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

async function recover(
  { sql, lanes, report, metrics, log }: Parameters<typeof startRecovery>[0],
  patience: number,
): Promise<void> {
  const { lanes: open, unknown, ...counts } = await sweep(sql, patience);
  for (const { lane } of open) lanes.nudge(lane);
  for (const lost of unknown)
    await report(undelivered({ ...lost, state: "unknown", reason: "the gateway was killed while sending" }));
  const found = { ...counts, interrupted: open.filter(({ interrupted }) => interrupted).length };
  for (const [what, count] of Object.entries(found)) metrics.swept.inc({ what }, count);
  if (Object.values(found).some((count) => count > 0)) log.warn(found, "recovery found work left behind");
}
