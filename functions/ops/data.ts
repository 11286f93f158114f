/** What the pages show of the ledgers, and where they have it from. */
import type { RunEvent } from "../../lib/agent/events.ts";
import type { RunOpener } from "../../lib/audit/open-run.ts";
import type { Sql } from "../../lib/db/client.ts";
import { fromJournalRow, type StoredJournalRow } from "../../lib/ledger/journal-row.ts";
import { startOfDay } from "../../lib/time/wall-clock.ts";

/** What runs are asked for; what is left out, any. */
export interface RunFilter {
  readonly agent?: string;
  readonly principal?: string;
  readonly tool?: string;
  readonly job?: string;
  readonly trigger?: string;
  readonly state?: string;
  readonly denied?: boolean;
  readonly since?: Date;
  readonly until?: Date;
  readonly costAbove?: number;
  readonly requestId?: string;
}

export interface RunRow {
  readonly id: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly state: string;
  readonly error: string | null;
  readonly agent: string;
  readonly principal: string;
  readonly trigger: string;
  readonly job: string | null;
  readonly parentRunId: string | null;
  readonly policyHash: string;
  readonly promptHash: string;
  readonly taint: string | null;
  readonly steps: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly cost: number | null;
  readonly seconds: number | null;
  readonly checkpoint: number | null;
  readonly openedBy: "gateway" | "operator" | "erased";
}

const runColumns = (sql: Sql) => sql`run_id as id, started_at as "startedAt", finished_at as "finishedAt", state, error,
  agent_name as agent, principal, trigger, job, parent_run_id as "parentRunId", policy_hash as "policyHash",
  prompt_hash as "promptHash", taint, steps, usage_input_tokens as "inputTokens", usage_output_tokens as "outputTokens",
  usage_cache_read_input_tokens as "cachedTokens", usage_reasoning_output_tokens as "reasoningTokens",
  cost::float8 as cost, seconds, checkpoint, opened_by as "openedBy"`;

/** Runs, newest first; `next` is what the following page begins after. */
export async function listRuns(
  sql: Sql,
  filter: RunFilter,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<{ runs: RunRow[]; next?: string }> {
  const { agent, principal, tool, job, trigger, state, denied, since, until, costAbove, requestId } = filter;
  const having = (condition: ReturnType<Sql>) =>
    sql`and exists (select 1 from journal j where j.run_id = audit_runs.run_id and ${condition})`;
  const rows = await sql<RunRow[]>`
    select ${runColumns(sql)} from audit_runs where true
    ${agent === undefined ? sql`` : sql`and agent_name = ${agent}`}
    ${principal === undefined ? sql`` : sql`and principal = ${principal}`}
    ${job === undefined ? sql`` : sql`and job = ${job}`}
    ${trigger === undefined ? sql`` : sql`and trigger = ${trigger}`}
    ${state === undefined ? sql`` : sql`and state = ${state}`}
    ${since === undefined ? sql`` : sql`and started_at >= ${since}`}
    ${until === undefined ? sql`` : sql`and started_at < ${until}`}
    ${costAbove === undefined ? sql`` : sql`and cost > ${costAbove}`}
    ${tool === undefined ? sql`` : having(sql`j.tool_name = ${tool}`)}
    ${denied ? having(sql`j.decision = 'deny'`) : sql``}
    ${requestId === undefined ? sql`` : having(sql`(j.provider_request_id = ${requestId} or j.response_id = ${requestId})`)}
    ${after === undefined ? sql`` : sql`and (started_at, run_id) < (select started_at, id from runs where id = ${after})`}
    order by started_at desc, run_id desc limit ${limit + 1}`;
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { runs: rows.slice(0, limit), ...(last && { next: last.id }) };
}

/** What runs or waits now, oldest first. */
export const openRuns = (sql: Sql, limit: number): Promise<RunRow[]> => sql<RunRow[]>`
  select ${runColumns(sql)} from audit_runs where state in ('running', 'waiting') order by started_at limit ${limit}`;

/** One row of a run's journal; `event` is undefined where it cannot be opened. */
export interface TimelineEntry {
  readonly seq: number;
  readonly at: Date;
  readonly row: StoredJournalRow & { readonly hash: Uint8Array };
  readonly event: RunEvent | undefined;
}

/** One message of a run on its way. */
export interface DeliveredPart {
  readonly lane: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly sentAt: Date | null;
}

/** A run with its rows, its payloads opened where they may be. */
export interface Timeline {
  readonly run: RunRow;
  readonly entries: readonly TimelineEntry[];
  readonly children: readonly RunRow[];
  readonly delivery: readonly DeliveredPart[];
}

/** Rows of a run that are shown. */
export const mostEntries = 500;

/** Undefined: there is no such run. */
export async function timelineOf(sql: Sql, opener: RunOpener, runId: string): Promise<Timeline | undefined> {
  const [run] = await sql<RunRow[]>`select ${runColumns(sql)} from audit_runs where run_id = ${runId}`;
  if (!run) return undefined;
  const seal = await opener.sealerOf(runId);
  const rows = await sql<(TimelineEntry["row"] & { at: Date })[]>`
    select * from journal where run_id = ${runId} order by seq limit ${mostEntries}`;
  const opened = (row: StoredJournalRow): RunEvent | undefined => {
    try {
      return seal && fromJournalRow(runId, row, seal).event;
    } catch {
      // A row that was tampered with, or whose type a newer version wrote: the rest is shown all the same.
      return undefined;
    }
  };
  return {
    run,
    entries: rows.map((row) => ({ seq: row.seq, at: row.at, row, event: opened(row) })),
    children: await sql<RunRow[]>`
      select ${runColumns(sql)} from audit_runs where parent_run_id = ${runId} order by started_at limit 100`,
    delivery: await sql<DeliveredPart[]>`
      select lane, state, reason, attempts, sent_at as "sentAt" from outbox where run_id = ${runId} order by id limit 100`,
  };
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

/** What was found to have changed in an agent; `facts` as lib/audit/drift writes them. */
export interface DriftAlert {
  readonly agent: string;
  readonly metric: string;
  readonly raisedAt: Date;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The latest alerts, newest first. */
export const driftAlerts = (sql: Sql, limit: number): Promise<DriftAlert[]> => sql<DriftAlert[]>`
  select agent, metric, raised_at as "raisedAt", facts from drift_alerts order by raised_at desc limit ${limit}`;

export const costKeys = ["day", "month", "agent", "job", "principal", "backend", "model"] as const;

export type CostKey = (typeof costKeys)[number];

export interface CostRow {
  readonly key: string;
  readonly calls: number;
  readonly withoutCost: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  readonly cost: number;
}

/** What calls of models came to, by day or month newest first, else the dearest first. */
export function costsBy(
  sql: Sql,
  { by, from, to, timezone }: { by: CostKey; from: Date; to: Date; timezone: string },
): Promise<CostRow[]> {
  const keys: Record<CostKey, ReturnType<Sql>> = {
    day: sql`to_char(at at time zone ${timezone}, 'YYYY-MM-DD')`,
    month: sql`to_char(at at time zone ${timezone}, 'YYYY-MM')`,
    agent: sql`agent_name`,
    job: sql`coalesce(job, '')`,
    principal: sql`principal`,
    backend: sql`provider_name`,
    model: sql`response_model`,
  };
  const order = by === "day" || by === "month" ? sql`key desc` : sql`cost desc, key`;
  return sql<CostRow[]>`
    select ${keys[by]} as key, count(*)::int as calls, count(*) filter (where cost is null)::int as "withoutCost",
      coalesce(sum(usage_input_tokens), 0)::float8 as "inputTokens",
      coalesce(sum(usage_output_tokens), 0)::float8 as "outputTokens",
      coalesce(sum(usage_cache_read_input_tokens), 0)::float8 as "cachedTokens",
      coalesce(sum(usage_reasoning_output_tokens), 0)::float8 as "reasoningTokens", coalesce(sum(cost), 0) as cost
    from audit_llm_calls where type in ('llm.answered', 'llm.consulted') and at >= ${from} and at < ${to}
    group by 1 order by ${order}`;
}

/** What this month has come to, and what it comes to if it goes on so. */
export async function forecast(
  sql: Sql,
  { timezone, now }: { timezone: string; now: Date },
): Promise<{ spent: number; expected: number }> {
  const [year = 0, month = 0] = now.toLocaleDateString("sv-SE", { timeZone: timezone }).split("-").map(Number);
  const first = (ahead: number): Date =>
    startOfDay(new Date(Date.UTC(year, month - 1 + ahead)).toISOString().slice(0, 10), timezone);
  const [from, to] = [first(0), first(1)];
  const spent = (await costsBy(sql, { by: "month", from, to: now, timezone })).reduce((sum, { cost }) => sum + cost, 0);
  const part = (now.getTime() - from.getTime()) / (to.getTime() - from.getTime());
  return { spent, expected: part > 0 ? spent / part : spent };
}

/** The runs of one agent on one day; what has no `s` in its name of a count is the mean of a run. */
export interface AgentDay {
  readonly day: string;
  readonly runs: number;
  readonly failed: number;
  readonly denials: number;
  readonly steps: number;
  readonly tokens: number | null;
  readonly cost: number | null;
  readonly seconds: number;
}

/** The days on which an agent ran, newest first. */
export const agentDays = (
  sql: Sql,
  { agent, from, timezone }: { agent: string; from: Date; timezone: string },
): Promise<AgentDay[]> => sql<AgentDay[]>`
  select to_char(r.started_at at time zone ${timezone}, 'YYYY-MM-DD') as day, count(*)::int as runs,
    count(*) filter (where r.state = 'failed')::int as failed, coalesce(sum(d.count), 0)::int as denials,
    avg(r.steps)::float8 as steps, avg(r.input_tokens + r.output_tokens)::float8 as tokens, avg(r.cost)::float8 as cost,
    coalesce(avg(extract(epoch from r.finished_at - r.started_at)), 0)::float8 as seconds
  from runs r left join lateral (
    select count(*) from journal j where j.run_id = r.id and j.type = 'tool.requested' and j.decision = 'deny'
  ) d on true
  where r.agent = ${agent} and r.started_at >= ${from} group by 1 order by 1 desc`;
