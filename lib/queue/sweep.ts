/**
 * Recovery: the ledgers are the truth, wake-ups and queue jobs only make it quick. At start and every few seconds, what a
 * dead process left behind is freed, and what is open without a waker gets one. Idempotent; any process may run it at any time.
 */
import type { Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { settle } from "../ledger/budgets.ts";
import { strandedApprovals } from "../ledger/approvals.ts";
import { lockClass } from "./locks.ts";

/** What one sweep found, for the log and the metrics. */
export interface SweepResult {
  readonly workersFreed: number;
  /** Sends whose outcome nobody knows: not repeated. */
  readonly sendsUnknown: number;
  readonly sendsAgain: number;
  /** Calls to models whose process died: settled at all that was held for them. */
  readonly holdsSettled: number;
  /** Jobs made anew for what had lost its own. */
  readonly jobs: number;
  /** Lanes with work that nobody is at. */
  readonly lanes: readonly OpenLane[];
  /** The sends whose outcome nobody knows. */
  readonly unknown: readonly { readonly key: string; readonly lane: Lane }[];
}

/** A lane found open; `interrupted` if a run of it had begun. */
export interface OpenLane {
  readonly lane: Lane;
  readonly interrupted: boolean;
}

/** Names whose liveness lock nobody holds. */
const dead = (sql: Sql, name: ReturnType<Sql>) => sql`not exists (
  select 1 from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 2
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid = ${lockClass.worker}::oid and l.objid = (hashtext(${name})::bigint & 4294967295)::oid)`;

/** Lanes whose lock nobody holds. */
const free = (sql: Sql, lane: ReturnType<Sql>) => sql`not exists (
  select 1 from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 2
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid = ${lockClass.lane}::oid and l.objid = (hashtext(${lane})::bigint & 4294967295)::oid)`;

/** `patienceMs`: how long a message may wait for the process that accepted it before any other takes it up. */
export async function sweep(sql: Sql, patienceMs: number): Promise<SweepResult> {
  // A pool that has just started may hold jobs for a moment before its liveness lock is seen.
  const workers = await sql<{ name: string }[]>`
    select locked_by as name from graphile_worker._private_jobs
    where locked_by is not null group by locked_by
    having max(locked_at) < now() - interval '2 seconds' and ${dead(sql, sql`locked_by`)}`;
  if (workers.length > 0) await sql`select graphile_worker.force_unlock_workers(${workers.map(({ name }) => name)})`;

  // Synapse drops a repeated transaction id for 24 h, so for so long a send may be repeated; Telegram never does.
  const sends = await sql<{ state: string; key: string; lane: Lane }[]>`
    update outbox set
      state = case when destination->>'channel' = 'matrix' and created_at > now() - interval '23 hours' then 'pending' else 'unknown' end,
      reason = 'the gateway was killed while sending'
    where state = 'sending' and ${dead(sql, sql`worker`)} returning state, key, lane`;

  const holds = await sql<{ id: string }[]>`select id from budget_holds where ${dead(sql, sql`worker`)}`;
  for (const { id } of holds) await settle(sql, id, undefined);

  // Nobody takes a replay up again. Its lane is the name of the process that is at it.
  await sql`
    update runs set state = 'failed', error = 'environment', finished_at = now()
    where state = 'running' and trigger = 'replay' and ${dead(sql, sql`lane`)}`;

  const lanes = await sql<OpenLane[]>`
    select lane, bool_or(state = 'running') as interrupted from inbox i
    where kind = 'message' and state in ('new', 'running') and ${free(sql, sql`i.lane`)}
    group by lane having bool_or(state = 'running') or min(received_at) <= now() - ${patienceMs}::int * interval '1 millisecond'
    union all
    select 'job:' || s.job, bool_or(s.state = 'running') from job_slots s left join runs r on r.id = s.run_id
    where s.not_before <= now() and ${free(sql, sql`'job:' || s.job`)} and (
      (s.state = 'new' and s.not_before <= now() - ${patienceMs}::int * interval '1 millisecond')
      or (s.state = 'running' and r.state is distinct from 'waiting')
      or (s.state = 'delivering' and not exists (
        select 1 from outbox o where o.state in ('pending', 'sending') and starts_with(o.key, s.run_id || ':'))))
    group by s.job`;

  // A job that failed often waits for hours; after an outage that is too long, so it is not counted on past a minute.
  const [made] = await sql<{ jobs: number }[]>`
    with wakers as (
      select 'deliver' as task, json_build_object('lane', lane) as payload, 'deliver:' || lane as key
      from (select distinct lane from outbox where state = 'pending' and not_before <= now() - interval '1 second') as due
      union all
      select case kind when 'control' then 'control' else 'matrix-membership' end, json_build_object('inbox', id), kind || ':' || id
      from inbox where kind in ('control', 'membership') and state = 'new' and received_at < now() - interval '10 seconds'
      union all
      select 'approval-expiry', json_build_object('code', code), 'approval-expiry:' || code
      from approvals where state = 'pending' and expires_at < now() - interval '1 second'
      union all
      select 'approval-decided', json_build_object('code', code), 'approval-decided:' || code
      from (${strandedApprovals(sql)}) as stranded
    )
    select count(*)::int as jobs from wakers w, graphile_worker.add_job(w.task, w.payload, job_key := w.key)
    where not exists (select 1 from graphile_worker._private_jobs j where j.key = w.key
      and (j.locked_at is not null or (j.is_available and j.run_at < now() + interval '1 minute')))`;

  const unknown = sends.filter(({ state }) => state === "unknown");
  return {
    workersFreed: workers.length,
    sendsUnknown: unknown.length,
    sendsAgain: sends.filter(({ state }) => state === "pending").length,
    holdsSettled: holds.length,
    jobs: made?.jobs ?? 0,
    lanes,
    unknown: unknown.map(({ key, lane }) => ({ key, lane })),
  };
}
