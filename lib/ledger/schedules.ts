/** What people asked to be told or done later: see drizzle/schema/jobs.ts. */
import type { Principal } from "../channel/types.ts";
import type { Sql, TransactionSql } from "../db/client.ts";
import { taintColumn, taintSources } from "../policy/taint.ts";
import type { Sealer } from "../seal.ts";
import type { NewSchedule, ScheduleStore } from "../tools/schedule.ts";

/** A schedule that is not over. */
export interface Schedule extends NewSchedule {
  readonly id: number;
  readonly createdAt: Date;
}

/** A schedule as it is kept; its text is opened where it is needed. */
export interface SealedSchedule extends Omit<Schedule, "what"> {
  /** Throws where the row is damaged. */
  readonly open: () => string;
}

interface Row extends Omit<Schedule, "what" | "cron" | "taint"> {
  readonly callKey: string;
  readonly cron: string | null;
  readonly taint: string | null;
  readonly body: Uint8Array;
}

/** The associated data of a schedule's body. */
export const scheduleSeal = (callKey: string): string => `schedule:${callKey}`;

const columns = (
  sql: Sql,
) => sql`id, call_key as "callKey", principal, agent, lane, destination, shared, cron, timezone, body, taint,
  next_at as "nextAt", created_at as "createdAt"`;

const toSchedule = (bodies: Sealer, { callKey, body, cron, taint, ...row }: Row): SealedSchedule => ({
  ...row,
  cron: cron ?? undefined,
  taint: taintSources(taint),
  open: () => bodies.open(body, scheduleSeal(callKey)).toString("utf8"),
});

/** Schedules in Postgres, their text sealed. */
export function createSchedules(sql: Sql, bodies: Sealer): ScheduleStore {
  return {
    async add({ what, ...schedule }, callKey, most) {
      const { principal, agent, lane, destination, shared, cron, timezone, taint, nextAt } = schedule;
      const body = bodies.seal(what, scheduleSeal(callKey));
      const [row] = await sql<{ id: number }[]>`
        with found as (select id from schedules where call_key = ${callKey}), added as (
          insert into schedules (call_key, principal, agent, lane, destination, shared, cron, timezone, body, taint, next_at)
          select ${callKey}, ${principal}, ${agent}, ${lane}, ${sql.json(destination)}::jsonb, ${shared}::boolean, ${cron ?? null}::text,
            ${timezone}, ${body}::bytea, ${taintColumn(taint)}::text, ${nextAt}::timestamptz
          where not exists (select 1 from found)
            and (select count(*) from schedules where principal = ${principal} and next_at is not null) < ${most}
          on conflict (call_key) do nothing returning id
        )
        select id from found union all select id from added`;
      return row?.id ?? "full";
    },
  };
}

/** A person's own that are not over, soonest first. */
export async function schedulesOf(sql: Sql, bodies: Sealer, principal: Principal): Promise<SealedSchedule[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from schedules where principal = ${principal} and next_at is not null order by next_at, id`;
  return rows.map((row) => toSchedule(bodies, row));
}

/** Ends one of a person's own; false where they have none of that number. */
export async function deleteSchedule(sql: Sql, principal: Principal, id: number): Promise<boolean> {
  const deleted = await sql`
    update schedules set next_at = null where id = ${id} and principal = ${principal} and next_at is not null`;
  return deleted.count > 0;
}

/** Ends one that cannot go on. */
export async function endSchedule(sql: Sql, id: number): Promise<void> {
  await sql`update schedules set next_at = null where id = ${id}`;
}

/** What is due at `now`, the longest first. */
export async function dueSchedules(sql: Sql, bodies: Sealer, now: Date, limit: number): Promise<SealedSchedule[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from schedules where next_at <= ${now} order by next_at, id limit ${limit}`;
  return rows.map((row) => toSchedule(bodies, row));
}

/** Moves one that is due on to its next time, within the caller's transaction; false where another process did, or it was deleted. */
export async function moveOn(
  tx: TransactionSql,
  { id, nextAt }: Pick<Schedule, "id" | "nextAt">,
  next: Date | undefined,
): Promise<boolean> {
  const moved = await tx`
    update schedules set next_at = ${next ?? null}::timestamptz where id = ${id} and next_at = ${nextAt}`;
  return moved.count > 0;
}
