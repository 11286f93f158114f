/** What the pages show of the ledgers beyond what lib/audit gives. */
import { type RunRow, runRows } from "../../lib/audit/run-row.ts";
import type { Sql } from "../../lib/db/client.ts";
import type { DriftAlert } from "../../lib/ledger/drift-alerts.ts";

/**
 * What runs or waits now, oldest first. Found by their indexes, since there is none of states: what runs by its lane's, what
 * waits by the questions it waits for and the runs above those.
 */
export async function openRuns(sql: Sql, limit: number): Promise<RunRow[]> {
  const open = await sql<{ id: string }[]>`
    with recursive waiting (id) as (
      select run_id from approvals where state = 'pending'
      union select r.parent_run_id from waiting w join runs r on r.id = w.id where r.parent_run_id is not null
    ), open as (
      select id, started_at from runs where state = 'running'
      union select r.id, r.started_at from waiting w join runs r on r.id = w.id where r.state = 'waiting'
    )
    select id from open order by started_at limit ${limit}`;
  return runRows(
    sql,
    open.map(({ id }) => id),
  );
}

/** The latest signed statement of how runs ended. */
export interface CheckpointRow {
  readonly number: number;
  readonly at: Date;
  readonly runs: number;
}

export async function latestCheckpoint(sql: Sql): Promise<CheckpointRow | undefined> {
  const [row] = await sql<CheckpointRow[]>`select number, at, runs from checkpoints order by number desc limit 1`;
  return row;
}

/** The latest alerts of all agents since an instant, newest first. */
export async function latestAlerts(sql: Sql, since: Date, limit: number): Promise<DriftAlert[]> {
  const rows = await sql<DriftAlert[]>`
    select agent, at, raised_at as "raisedAt", facts as finding from drift_alerts
    where raised_at > ${since} order by raised_at desc limit ${limit}`;
  return [...rows];
}

/** The runs of one agent on one day: how many, and the means of a run. */
export interface AgentDay {
  readonly day: string;
  readonly runs: number;
  readonly failed: number;
  readonly steps: number;
  readonly tokens: number | null;
  readonly cost: number | null;
  readonly seconds: number | null;
}

/** The days on which an agent ran, newest first. */
export const agentDays = (
  sql: Sql,
  { agent, from, timezone }: { readonly agent: string; readonly from: Date; readonly timezone: string },
): Promise<AgentDay[]> => sql<AgentDay[]>`
  select to_char(started_at at time zone ${timezone}, 'YYYY-MM-DD') as day, count(*)::int as runs,
    count(*) filter (where state = 'failed')::int as failed, avg(steps)::float8 as steps,
    avg(input_tokens + output_tokens)::float8 as tokens, avg(cost)::float8 as cost,
    avg(extract(epoch from finished_at - started_at))::float8 as seconds
  from runs where agent = ${agent} and started_at >= ${from} group by 1 order by 1 desc`;
