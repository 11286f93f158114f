/**
 * A backup is older than the world: what was under way in it may have been said, answered or done since. So a restored database
 * does none of it by itself, and says what it was; the operator decides. Nothing is taken away.
 */
import type { Job } from "../config/config.ts";
import type { TransactionSql } from "../db/client.ts";
import { slotName } from "../jobs/slot-name.ts";
import { abandonQuestions } from "../ledger/approvals.ts";
import { slotRunId } from "../ledger/job-slots.ts";
import { dueSlot, nextSlot } from "../time/slots.ts";

/** How much of each was set aside. */
export interface SetAside {
  /** Sends, now `unknown`. */
  readonly sends: number;
  /** Runs, now `failed`; the chains of their journals are ended by the next checkpoint. */
  readonly runs: number;
  /** Messages that had come in and were not answered, now `ignored`. */
  readonly messages: number;
  /** Questions to approvers, now `cancelled`. */
  readonly questions: number;
  /** Open attempts at jobs, and occurrences that are due now: `missed` or `failed`. */
  readonly slots: number;
  /** Reminders that have fallen due since: not told, the repeated ones go on with their next time. */
  readonly reminders: number;
  /** Agents whose keys others have gone on with: each gets a new device under its identity. */
  readonly devices: number;
}

/** What every row that was set aside has as its reason. */
export const asideReason = "restored from a backup: it may have been done since";

/** Sets everything aside, at `now`. `jobs`: those of the config, whose due occurrences are not fired once more. */
export async function setAside(tx: TransactionSql, jobs: Iterable<Job>, now: Date): Promise<SetAside> {
  const sends = await tx`
    update outbox set state = 'unknown', worker = null, reason = ${asideReason} where state in ('pending', 'sending')`;
  const runs = await tx`
    update runs set state = 'failed', error = 'environment', finished_at = ${now} where state in ('running', 'waiting')`;
  await tx`update inbox set state = 'done', reason = ${asideReason} where state in ('running', 'waiting')`;
  // What a membership says is looked up at the homeserver, and true again.
  const messages = await tx`
    update inbox set state = 'ignored', reason = ${asideReason} where state = 'new' and kind <> 'membership'`;
  const questions = await abandonQuestions(tx);
  const open = await tx`
    update job_slots set state = case state when 'new' then 'missed' else 'failed' end, finished_at = ${now},
      reason = ${asideReason} || '; run it by hand: claw jobs rerun ' || job
    where state in ('new', 'running', 'delivering')`;
  const due = await missDueSlots(tx, jobs, now);
  const reminders = await skipReminders(tx, now);
  const devices = await tx`
    update matrix_devices set store_schema = null, sync_token = null, ed25519 = null where store_schema is not null`;
  await tx`delete from matrix_crypto`;
  await tx`update matrix_requests set state = 'failed' where state = 'open'`;
  await tx`delete from ops_sessions`;
  return {
    sends: sends.count,
    runs: runs.count,
    messages: messages.count,
    questions,
    slots: open.count + due,
    reminders,
    devices: devices.count,
  };
}

/**
 * The occurrence that whoever keeps the time would ask for next: it is there already, as missed. One from before its job was known
 * is asked for by nobody, as after any start with a new job.
 */
async function missDueSlots(tx: TransactionSql, jobs: Iterable<Job>, now: Date): Promise<number> {
  let missed = 0;
  for (const job of jobs) {
    const slot = dueSlot(job, now);
    if (slot === undefined) continue;
    const reason = `${asideReason}; run it by hand: claw jobs rerun ${job.name} --slot ${slotName(job, slot)}`;
    const { count } = await tx`
      insert into job_slots (job, slot, cause, state, run_id, reason, finished_at)
      select ${job.name}, ${slot}::timestamptz, 'clock', 'missed', ${slotRunId({ job: job.name, slot, attempt: 1 })}::uuid, ${reason}, ${now}
      from jobs where name = ${job.name} and known_since <= ${slot}::timestamptz
      on conflict (job, slot, attempt) do nothing`;
    missed += count;
  }
  return missed;
}

async function skipReminders(tx: TransactionSql, now: Date): Promise<number> {
  const due = await tx<{ id: number; cron: string | null; timezone: string }[]>`
    select id, cron, timezone from schedules where next_at <= ${now}`;
  for (const { id, cron, timezone } of due) {
    const next = cron === null ? undefined : nextSlot({ schedule: cron, timezone }, now);
    await tx`update schedules set next_at = ${next ?? null} where id = ${id}`;
  }
  return due.length;
}
