/** The slots of jobs as they are kept: see drizzle/schema/jobs.ts. */
import type { Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { derivedId } from "../derived-id.ts";

export type SlotState = "new" | "running" | "delivering" | "done" | "quiet" | "failed" | "missed";

/** One attempt at one slot. */
export interface JobSlot {
  readonly id: number;
  readonly job: string;
  readonly slot: Date;
  readonly attempt: number;
  readonly cause: "timer" | "clock" | "hand" | "retry";
  readonly state: SlotState;
  readonly runId: string | undefined;
  readonly reason: string | undefined;
  readonly notBefore: Date;
  readonly createdAt: Date;
  readonly finishedAt: Date | undefined;
}

/** The lane that works through a job's slots. */
export const jobLane = (job: string): Lane => `job:${job}`;

/** The run of an attempt: the same id whenever it is begun, so that a second one cannot be. */
export const slotRunId = ({ job, slot, attempt }: Pick<JobSlot, "job" | "slot" | "attempt">): string =>
  derivedId(`job:${job}:${slot.toISOString()}:${attempt}`);

/** A row as PostgreSQL returns it, by `slotColumns`. */
export interface SlotRow extends Omit<JobSlot, "id" | "runId" | "reason" | "finishedAt"> {
  readonly id: string | number;
  readonly runId: string | null;
  readonly reason: string | null;
  readonly finishedAt: Date | null;
}

export const slotColumns = (sql: Sql) => sql`id, job, slot, attempt, cause, state, run_id as "runId", reason,
  not_before as "notBefore", created_at as "createdAt", finished_at as "finishedAt"`;

export const toSlot = (row: SlotRow): JobSlot => ({
  ...row,
  id: Number(row.id),
  runId: row.runId ?? undefined,
  reason: row.reason ?? undefined,
  finishedAt: row.finishedAt ?? undefined,
});

/** The attempts at a job's slots, newest first. */
export async function slotsOf(sql: Sql, job: string, limit: number): Promise<JobSlot[]> {
  const rows = await sql<SlotRow[]>`
    select ${slotColumns(sql)} from job_slots where job = ${job} order by slot desc, attempt desc limit ${limit}`;
  return rows.map(toSlot);
}

/** The latest attempt at the latest slot of each job that ever had one. */
export async function latestSlots(sql: Sql): Promise<JobSlot[]> {
  const rows = await sql<SlotRow[]>`
    select distinct on (job) ${slotColumns(sql)} from job_slots order by job, slot desc, attempt desc`;
  return rows.map(toSlot);
}

/** An attempt that is still to be worked on, with the state of its run, if that has begun. */
export interface OpenSlot extends JobSlot {
  readonly runState: string | undefined;
}

interface OpenRow extends SlotRow {
  readonly runState: string | null;
}

const openColumns = (sql: Sql) =>
  sql`${slotColumns(sql)}, (select r.state from runs r where r.id = run_id) as "runState"`;

const toOpenSlot = ({ runState, ...row }: OpenRow): OpenSlot => ({ ...toSlot(row), runState: runState ?? undefined });

/** What may be worked on of a job now, oldest first. */
export async function openSlots(sql: Sql, job: string): Promise<OpenSlot[]> {
  const rows = await sql<OpenRow[]>`
    select ${openColumns(sql)} from job_slots
    where job = ${job} and state in ('new', 'running', 'delivering') and not_before <= now() order by id`;
  return rows.map(toOpenSlot);
}

/** An attempt as it stands. */
export async function slotById(sql: Sql, id: number): Promise<OpenSlot | undefined> {
  const [row] = await sql<OpenRow[]>`select ${openColumns(sql)} from job_slots where id = ${id}`;
  return row && toOpenSlot(row);
}

/** The latest attempt at a slot; without one, at the latest slot there is. */
export async function latestAttempt(sql: Sql, job: string, slot?: Date): Promise<OpenSlot | undefined> {
  const which = slot ? sql`and slot = ${slot}` : sql``;
  const [row] = await sql<OpenRow[]>`
    select ${openColumns(sql)} from job_slots
    where job = ${job} ${which} order by slot desc, attempt desc limit 1`;
  return row && toOpenSlot(row);
}

/** A slot's first attempt, as it is to be written. */
export interface NewSlot {
  readonly job: string;
  readonly slot: Date;
  readonly cause: JobSlot["cause"];
  /** Why it is never to be begun; left out, it is. */
  readonly missed?: string;
  /** Nothing is written where a later slot is known already: a clock that was put back must not fire what is past. */
  readonly onlyLatest: boolean;
}

/** Writes the first attempt at a slot. Undefined: somebody was there before, or it is not the latest. */
export async function addSlot(sql: Sql, fresh: NewSlot): Promise<JobSlot | undefined> {
  const { job, slot, cause, missed, onlyLatest } = fresh;
  const [row] = await sql<SlotRow[]>`
    insert into job_slots (job, slot, cause, state, run_id, reason, finished_at)
    select ${job}, ${slot}::timestamptz, ${cause}, ${missed === undefined ? "new" : "missed"},
      ${slotRunId({ job, slot, attempt: 1 })}::uuid, ${missed ?? null}, case when ${missed !== undefined} then now() end
    where not (${onlyLatest} and exists (select 1 from job_slots s where s.job = ${job} and s.slot > ${slot}::timestamptz))
    on conflict (job, slot, attempt) do nothing returning ${slotColumns(sql)}`;
  return row && toSlot(row);
}

/** Writes a further attempt after `last`. Undefined: somebody was there before. */
export async function addAttempt(sql: Sql, last: JobSlot): Promise<JobSlot | undefined> {
  const { job, slot } = last;
  const attempt = last.attempt + 1;
  const [row] = await sql<SlotRow[]>`
    insert into job_slots (job, slot, attempt, cause, state, run_id)
    values (${job}, ${slot}, ${attempt}, 'hand', 'new', ${slotRunId({ job, slot, attempt })})
    on conflict (job, slot, attempt) do nothing returning ${slotColumns(sql)}`;
  return row && toSlot(row);
}

/** Has an attempt that waits for its time begin now. */
export async function hurry(sql: Sql, { id }: JobSlot): Promise<void> {
  await sql`update job_slots set not_before = least(not_before, now()) where id = ${id} and state = 'new'`;
}

/** Takes an attempt on: from now on its run is begun, or goes on. */
export async function beginSlot(sql: Sql, { id }: JobSlot): Promise<void> {
  await sql`update job_slots set state = 'running' where id = ${id} and state = 'new'`;
}

/** Its run has ended, and its messages are on their way. */
export async function slotDelivers(sql: Sql, { id }: JobSlot): Promise<void> {
  await sql`update job_slots set state = 'delivering' where id = ${id} and state = 'running'`;
}

/** Leaves an attempt as it is, to be looked at again after `delayMs`. */
export async function postponeSlot(sql: Sql, { id }: JobSlot, delayMs: number): Promise<void> {
  await sql`update job_slots set not_before = now() + ${delayMs}::int * interval '1 millisecond' where id = ${id}`;
}

export async function endSlot(
  sql: Sql,
  { id }: JobSlot,
  state: "done" | "quiet" | "failed",
  reason: string | undefined,
): Promise<void> {
  await sql`update job_slots set state = ${state}, reason = ${reason ?? null}, finished_at = now() where id = ${id}`;
}

/** How many attempts at a slot there were because another had failed. */
export async function retriesOf(sql: Sql, { job, slot }: JobSlot): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from job_slots where job = ${job} and slot = ${slot} and cause = 'retry'`;
  return row?.count ?? 0;
}

/** Ends a failed attempt and writes the next one, which nobody begins before `delayMs` have passed. */
export async function retrySlot(sql: Sql, failed: JobSlot, reason: string, delayMs: number): Promise<void> {
  const { id, job, slot } = failed;
  const attempt = failed.attempt + 1;
  await sql`
    with failed as (
      update job_slots set state = 'failed', reason = ${reason}, finished_at = now() where id = ${id} returning id
    )
    insert into job_slots (job, slot, attempt, cause, state, run_id, not_before)
    select ${job}, ${slot}::timestamptz, ${attempt}, 'retry', 'new', ${slotRunId({ job, slot, attempt })}::uuid,
      now() + ${delayMs}::int * interval '1 millisecond' from failed
    on conflict (job, slot, attempt) do nothing`;
}

/** The last slot before one that was delivered, or had nothing to deliver. */
export async function lastDelivered(sql: Sql, { job, slot }: Pick<JobSlot, "job" | "slot">): Promise<Date | undefined> {
  const [row] = await sql<{ slot: Date }[]>`
    select slot from job_slots where job = ${job} and slot < ${slot} and state in ('done', 'quiet')
    order by slot desc limit 1`;
  return row?.slot;
}

/** Since when each of these jobs is known; one that is new is from now on. What was due before is not made up for. */
export async function knownSince(sql: Sql, names: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  if (names.length === 0) return new Map();
  const list = [...names];
  await sql`insert into jobs (name) select unnest(${list}::text[]) on conflict (name) do nothing`;
  const rows = await sql<{ name: string; since: Date }[]>`
    select name, known_since as since from jobs where name = any(${list})`;
  return new Map(rows.map(({ name, since }) => [name, since]));
}

/** When each job was first known to a gateway; those that never were are absent. */
export async function jobsKnown(sql: Sql): Promise<ReadonlyMap<string, Date>> {
  const rows = await sql<{ name: string; since: Date }[]>`select name, known_since as since from jobs`;
  return new Map(rows.map(({ name, since }) => [name, since]));
}

/** Ends dry runs that a killed process left behind: nobody takes them up again. */
export async function endLostDryRuns(sql: Sql): Promise<void> {
  await sql`
    update runs set state = 'failed', error = 'environment', finished_at = now()
    where state = 'running' and trigger = 'job' and attempt = 0 and started_at < now() - interval '1 day'`;
}
