/** A run as lists show it: what it was and what it came to, without a word of what was said. */
import type { Sql } from "../db/client.ts";
import type { Run } from "../ledger/run.ts";

export type RunState = "running" | "waiting" | "done" | "failed" | "cancelled";

/** One run. Null: not known, or there is none. Tokens and cost of a run that goes on are those written so far. */
export interface RunRow {
  readonly id: string;
  readonly conversationId: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: string;
  readonly trigger: Run["trigger"];
  readonly job: string | null;
  readonly slot: Date | null;
  readonly attempt: number | null;
  readonly parentRunId: string | null;
  readonly state: RunState;
  /** A ClawError code. */
  readonly error: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly seconds: number | null;
  readonly steps: number;
  /** Calls that the model asked for, and those that were denied by a rule or an approver. */
  readonly toolCalls: number;
  readonly denied: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Part of the input tokens. */
  readonly cachedTokens: number | null;
  /** Part of the output tokens. */
  readonly reasoningTokens: number | null;
  readonly cost: number | null;
  /** The sources that tainted it, space-separated. */
  readonly taint: string | null;
  readonly policyHash: string;
  readonly promptHash: string;
  /** The checkpoint that holds the end of its chain. */
  readonly checkpoint: number | null;
  /** Whose key opens what was said. */
  readonly openedBy: "gateway" | "operator" | "erased";
}

/** The columns of a RunRow, from `runs` as `r`, `run_keys` as `k` and `callsOf` as `c`. */
export const runColumns = (sql: Sql) => sql`
  r.id, r.conversation_id as "conversationId", r.lane, r.agent, r.principal, r.trigger, r.job, r.slot, r.attempt,
  r.parent_run_id as "parentRunId", r.state, r.error, r.started_at as "startedAt", r.finished_at as "finishedAt",
  extract(epoch from r.finished_at - r.started_at)::float8 as seconds, r.steps, c.calls as "toolCalls", c.denied,
  r.input_tokens as "inputTokens", r.output_tokens as "outputTokens", r.cached_tokens as "cachedTokens",
  r.reasoning_tokens as "reasoningTokens", r.cost::float8 as cost, r.taint, r.policy_hash as "policyHash",
  r.prompt_hash as "promptHash", r.checkpoint,
  case when k.wrapped is not null then 'gateway' when k.audit_wrapped is not null then 'operator' else 'erased' end as "openedBy"`;

/** What is joined to runs `r` for these columns; asked for the runs that are shown alone. */
export const runJoins = (sql: Sql) => sql`
  left join run_keys k on k.run_id = r.id
  cross join lateral (
    select count(*) filter (where j.type = 'tool.requested')::int as calls,
      count(*) filter (where j.decision = 'deny')::int as denied
    from journal j where j.run_id = r.id
  ) c`;

/** These runs, in the order of their ids as given; those there are not are left out. */
export async function runRows(sql: Sql, ids: readonly string[]): Promise<RunRow[]> {
  if (ids.length === 0) return [];
  return sql<RunRow[]>`
    select ${runColumns(sql)} from unnest(${[...ids]}::uuid[]) with ordinality as wanted (id, place)
    join runs r on r.id = wanted.id ${runJoins(sql)} order by wanted.place`;
}
