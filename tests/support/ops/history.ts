/** Runs and calls of two months, as figures alone: nothing is sealed in them, and their rows are no chains. */
import { keepDriftAlerts } from "../../../lib/ledger/drift-alerts.ts";
import type { Sql } from "../../../lib/db/client.ts";

/** Writes them, with the jobs' slots, a checkpoint and an alert. The same each time but for the day it is. */
export async function writeHistory(sql: Sql): Promise<void> {
  await sql`
    with runs_made as (
      insert into runs (id, conversation_id, lane, agent, principal, trigger, job, state, error, policy_hash, prompt_hash, steps,
        input_tokens, output_tokens, cached_tokens, cost, checkpoint, started_at, finished_at)
      select gen_random_uuid(), gen_random_uuid(), 'telegram:main:1001', agent, 'telegram:1001',
        case when job is null then 'chat' else 'job' end, job, case when failed then 'failed' else 'done' end,
        case when failed then 'backend_failed' end, repeat('a1', 32), repeat('b2', 32), 2, input, output, input * 3 / 5,
        input * 2.5e-6 + output * 1e-5, 1, at, at + (3 + n % 7) * interval '1 second'
      from (
        select n, case when n % 3 = 0 then 'helper' else 'ops' end as agent,
          case when n % 5 = 0 then 'morning-briefing' when n % 7 = 0 then 'night-check' end as job, n % 23 = 0 as failed,
          1500 + (n * 7919) % 4000 + n as input, 120 + (n * 104729) % 600 as output,
          now() - interval '60 days' + n * interval '4 hours' as at
        from generate_series(1, 356) as n
      ) as made returning *
    )
    insert into journal (run_id, seq, type, at, operation_name, provider_name, request_model, response_model, response_id,
      provider_request_id, finish_reason, input_tokens, output_tokens, cached_tokens, cost, cost_source, duration_ms, prev_hash, hash)
    select id, 0, 'llm.answered', started_at, 'chat', 'main', 'stand-in', 'stand-in-2026', 'resp-' || left(id::text, 8),
      'req-' || left(id::text, 8), 'stop', input_tokens, output_tokens, cached_tokens, cost::float8, 'config', 2400,
      decode(repeat('00', 32), 'hex'), sha256(id::text::bytea)
    from runs_made`;
  await sql`
    insert into job_slots (job, slot, attempt, cause, state, run_id, reason, finished_at) values
      ('morning-briefing', date_trunc('day', now()) - interval '17 hours', 1, 'timer', 'done',
        (select id from runs where job = 'morning-briefing' order by started_at desc limit 1), null, now()),
      ('night-check', date_trunc('hour', now()), 1, 'clock', 'failed', null, 'backend main: 503, tried 3 times', now())`;
  await sql`
    insert into checkpoints (number, at, runs, heads_hash, previous_hash, hash, signature, public_key)
    select 1, now() - interval '25 minutes', 356, zero, zero, zero, zero, zero
    from (select decode(repeat('00', 32), 'hex') as zero) as hashes`;
  const [example] = await sql<
    { id: string }[]
  >`select id from runs where agent = 'ops' order by started_at desc limit 1`;
  const since = new Date(Date.now() - 2 * 86_400_000).toISOString();
  await keepDriftAlerts(sql, "ops", [
    {
      ...{ metric: "cost", title: "cost", unit: "money", kind: "chat", before: 0.011, after: 0.019, score: 1.4 },
      ...{ since, runs: 30, baseline: 200, examples: [example?.id ?? ""] },
      causes: [{ what: "served model", before: "stand-in-2026", after: "stand-in-2026-mini", at: since }],
    },
  ]);
}
