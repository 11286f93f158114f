/** What is looked up when the metrics are scraped: the database's own state, the same in every gateway on it. */
import { evidenceStanding } from "../lib/audit/standing.ts";
import type { Config } from "../lib/config/config.ts";
import type { Sql } from "../lib/db/client.ts";
import { jobStandings } from "../lib/jobs/stuck.ts";
import { readBudgets } from "../lib/ledger/budgets.ts";
import { openCounts, openOutbox } from "../lib/ledger/open-counts.ts";
import type { AgentHealth, MatrixCrypto } from "../lib/matrix/crypto/crypto.ts";
import type { Metrics } from "../lib/metrics.ts";
import { namedBudgets } from "../lib/policy/budget.ts";
import { dayOf } from "../lib/time/wall-clock.ts";

const channels = ["telegram", "matrix"];

/** Brings the gauges up to date. Each is set anew, so that what is gone from config or database is gone from them. */
export function createRefresh(deps: {
  readonly config: () => Config;
  readonly sql: Sql;
  readonly metrics: Metrics;
  readonly crypto: Pick<MatrixCrypto, "health">;
}): () => Promise<void> {
  const { sql, metrics, crypto } = deps;
  return async () => {
    const config = deps.config();
    beginAtZero(metrics, config);
    await Promise.all([
      ledgers(sql, metrics),
      jobs(sql, metrics, config),
      budgets(sql, metrics, config),
      evidence(sql, metrics, config),
      crypto.health().then((agents) => agents.forEach((agent) => observeAgent(metrics, agent))),
    ]);
  };
}

/** A counter that is first seen at 1 has not risen for Prometheus: those that are alerted on are there from the start. */
function beginAtZero(metrics: Metrics, { agents, jobs: known, backends }: Config): void {
  const { runs, jobs, attemptsFailed, modelCalls, denials, decryptFailures, sends, budgetRefusals } = metrics;
  for (const agent of agents.keys()) {
    for (const state of ["done", "failed", "cancelled"]) runs.inc({ agent, state }, 0);
    for (const rule of ["grant", "argument", "taint", "limit", "unasked", "no_tool"]) denials.inc({ agent, rule }, 0);
    for (const outcome of ["unreadable", "disbelieved"]) decryptFailures.inc({ agent, outcome }, 0);
  }
  for (const job of known.keys()) for (const state of ["done", "quiet", "failed"]) jobs.inc({ job, state }, 0);
  for (const backend of backends.keys()) {
    for (const outcome of ["answered", "failed"]) modelCalls.inc({ backend, outcome }, 0);
    for (const kind of ["status", "connection", "stalled", "timeout"]) attemptsFailed.inc({ backend, kind }, 0);
  }
  for (const channel of channels)
    for (const outcome of ["sent", "retry", "unknown", "failed"]) sends.inc({ channel, outcome }, 0);
  for (const scope of ["all", "agent", "principal", "run", "job"]) budgetRefusals.inc({ scope }, 0);
}

async function ledgers(sql: Sql, { queue, queueAge, outbox, outboxAge }: Metrics): Promise<void> {
  const [{ oldestSeconds, ...counts }, open] = await Promise.all([openCounts(sql), openOutbox(sql)]);
  for (const [state, count] of Object.entries(counts)) queue.set({ state }, count);
  queueAge.set(oldestSeconds);
  outbox.reset();
  outboxAge.reset();
  const idle = channels.map((channel) => ({ channel, pending: 0, sending: 0, unknown: 0, oldestSeconds: 0 }));
  for (const { channel, oldestSeconds: oldest, ...states } of [...idle, ...open]) {
    for (const [state, count] of Object.entries(states)) outbox.set({ channel, state }, count);
    outboxAge.set({ channel }, oldest);
  }
}

async function jobs(sql: Sql, { jobSlots, jobStuck }: Metrics, config: Config): Promise<void> {
  const standings = await jobStandings(sql, config);
  jobSlots.reset();
  jobStuck.reset();
  for (const { job, open, stuck } of standings) {
    for (const [state, count] of Object.entries(open)) jobSlots.set({ job, state }, count);
    jobStuck.set({ job }, stuck?.seconds ?? 0);
  }
}

async function budgets(sql: Sql, { budgetUsed }: Metrics, config: Config): Promise<void> {
  const named = namedBudgets(config, dayOf(new Date(), config.timezone));
  const states = named.length === 0 ? [] : await readBudgets(sql, named);
  budgetUsed.reset();
  for (const { scope, limits } of named) {
    const state = states.find((each) => each.scope === scope);
    for (const { unit, most } of limits)
      budgetUsed.set({ scope, unit }, state ? (state.spent[unit] + state.held[unit]) / most : 0);
  }
}

async function evidence(sql: Sql, metrics: Metrics, config: Config): Promise<void> {
  const { checkpointAge, uncheckedAge, driftAlerts } = await evidenceStanding(sql);
  if (checkpointAge === undefined) metrics.checkpointAge.remove();
  else metrics.checkpointAge.set(checkpointAge);
  metrics.uncheckedAge.set(uncheckedAge);
  metrics.driftAlerts.reset();
  for (const agent of config.agents.keys()) metrics.driftAlerts.set({ agent }, driftAlerts.get(agent) ?? 0);
}

function observeAgent(metrics: Metrics, { agent, ok, status }: AgentHealth): void {
  metrics.matrixAgent.set({ agent }, ok ? 1 : 0);
  if (status?.oneTimeKeys !== undefined) metrics.matrixOneTimeKeys.set({ agent }, status.oneTimeKeys);
  if (status?.pulledSecondsAgo !== undefined) metrics.matrixPullAge.set({ agent }, status.pulledSecondsAgo);
  metrics.matrixUnreadable.set({ agent }, status?.unreadable ?? 0);
}
