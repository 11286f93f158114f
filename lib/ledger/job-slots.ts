/** The slots of jobs as they are kept: see drizzle/schema/jobs.ts. */
import type { Sql } from "../db/client.ts";

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
