/** Runs' features from `runs` and the journal. */
import type { Sql } from "../../db/client.ts";
import type { RunFeatures, RunKind } from "./features.ts";

/**
 * Of chats and people's own schedules no more of an agent's runs than this are looked through, however few of them are of
 * the kind: a bound on the time that a look takes.
 */
const mostScanned = 3_000;

/** The newest ended runs of an agent and kind, oldest first; at most `limit`. Replays and what was cancelled tell nothing. */
export async function readRuns(sql: Sql, agent: string, kind: RunKind, limit: number): Promise<RunFeatures[]> {
  const rows = await sql<RunFeatures[]>`
    with newest as (${newestOf(sql, agent, kind)}), ended as (
      select * from newest where state in ('done', 'failed') order by started_at desc, id desc limit ${limit}
    )
    select r.id, r.started_at as "startedAt", r.conversation_id as "conversationId", r.state = 'failed' as failed, r.steps,
      r.prompt_hash as "promptHash", r.policy_hash as "policyHash", r.input_tokens as "inputTokens",
      r.output_tokens as "outputTokens", r.cached_tokens as "cachedTokens", r.cost::float8 as cost, j.*
    from ended r cross join lateral (
      select count(*) filter (where type in ('llm.answered', 'llm.consulted'))::int as calls,
        coalesce(sum(duration_ms) filter (where type in ('llm.answered', 'llm.consulted')), 0)::float8 as "modelMs",
        coalesce(sum(duration_ms) filter (where type = 'tool.finished'), 0)::float8 as "toolMs",
        (array_agg(input_tokens order by seq) filter (where type = 'llm.answered'))[1] as "firstInputTokens",
        max(answer_length) as "answerLength",
        count(*) filter (where type = 'tool.requested' and decision = 'deny')::int as denials,
        count(*) filter (where rule in ('approval denied', 'approval expired'))::int as "refusedApprovals",
        count(*) filter (where type = 'tool.finished' and error_type in ('error', 'unknown'))::int as "toolErrors",
        count(*) filter (where refusal)::int as refusals,
        coalesce(array_agg(tool_name order by seq) filter (where type = 'tool.requested' and tool_name is not null), '{}') as tools,
        coalesce(array_agg(distinct response_model) filter (where response_model <> ''), '{}') as "servedModels",
        coalesce(array_agg(distinct provider_name || ' ' || request_model) filter (where type = 'llm.requested'), '{}')
          as "requestedModels"
      from journal where run_id = r.id
    ) j
    order by r.started_at, r.id`;
  return [...rows];
}

function newestOf(sql: Sql, agent: string, kind: RunKind) {
  if (kind.startsWith("job:"))
    return sql`select * from runs where job = ${kind.slice("job:".length)} and agent = ${agent} and trigger = 'job'
      order by started_at desc, id desc limit ${mostScanned}`;
  const only =
    kind === "schedule" ? sql`trigger = 'job' and (job is null or job like 'schedule:%')` : sql`trigger = ${kind}`;
  return sql`select * from (
    select * from runs where agent = ${agent} order by started_at desc, id desc limit ${mostScanned}) as newest where ${only}`;
}

/** The kinds of an agent that ended runs since `since`, with how many. */
export async function endedSince(sql: Sql, since: Date): Promise<{ agent: string; kind: RunKind; runs: number }[]> {
  // A run that lasted longer than a day had to wait for somebody, and is found with the next that ends.
  const rows = await sql<{ agent: string; kind: RunKind; runs: number }[]>`
    select agent, ${kindOf(sql)} as kind, count(*)::int as runs from runs
    where started_at > ${since}::timestamptz - interval '1 day' and finished_at > ${since} and state in ('done', 'failed')
      and trigger <> 'replay'
    group by 1, 2 order by 1, 2`;
  return [...rows];
}

/** The kinds that an agent's newest runs are of. */
export async function kindsOf(sql: Sql, agent: string): Promise<RunKind[]> {
  const rows = await sql<{ kind: RunKind }[]>`
    select distinct ${kindOf(sql)} as kind from (
      select trigger, job from runs where agent = ${agent} order by started_at desc, id desc limit ${mostScanned}
    ) as newest where trigger <> 'replay' order by 1`;
  return rows.map(({ kind }) => kind);
}

const kindOf = (sql: Sql) =>
  sql`case when trigger <> 'job' then trigger when job is null or job like 'schedule:%' then 'schedule' else 'job:' || job end`;
