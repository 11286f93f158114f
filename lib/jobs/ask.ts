/** Asking for an occurrence of a job. Asked once or a hundred times, from wherever: there is one attempt at it. */
import type { Lane } from "../channel/types.ts";
import type { Job } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { addAttempt, addSlot, hurry, jobLane, type JobSlot, latestAttempt } from "../ledger/job-slots.ts";
import { slotName } from "./slot-name.ts";
import { dueSlot, nextSlot } from "../time/slots.ts";

export interface AskDeps {
  readonly sql: Sql;
  readonly wake: (lane: Lane) => void;
  readonly now?: () => Date;
}

export interface SlotRequest {
  readonly job: Job;
  /** Who asks: a timer's request, the clock in here, a person. */
  readonly cause: "timer" | "clock" | "hand";
  /** Left out: the one that is due now. */
  readonly slot?: Date;
  /** A person wants it once more, whatever became of it. */
  readonly rerun?: boolean;
}

/** With `catch_up = "none"` a timer may still be so late. */
const punctualMs = 15 * 60_000;
const hourMs = 3_600_000;

/**
 * Writes the slot's first attempt (or, by hand, a further one) and has it worked on; returns what is there where it was asked
 * for before. A slot that `catch_up` rules out is written as missed. Throws ClawError where there is no slot to ask for.
 */
export async function askForSlot(
  deps: AskDeps,
  { job, cause, slot: named, rerun = false }: SlotRequest,
): Promise<{ created: boolean; slot: JobSlot }> {
  const now = deps.now?.() ?? new Date();
  const slot = slotFor(job, named, now);
  const byHand = cause === "hand" || named !== undefined || rerun;
  const last = rerun ? await latestAttempt(deps.sql, job.name, slot) : undefined;
  if (last && isOpen(last)) {
    await hurry(deps.sql, last);
    deps.wake(jobLane(job.name));
    return { created: false, slot: last };
  }
  const late = byHand ? undefined : tooLate(job, slot, now);
  const made = last
    ? await addAttempt(deps.sql, last)
    : await addSlot(deps.sql, {
        job: job.name,
        slot,
        cause: byHand ? "hand" : cause,
        ...(late !== undefined && { missed: late }),
        onlyLatest: !byHand,
      });
  if (made?.state === "new") deps.wake(jobLane(job.name));
  if (made) return { created: true, slot: made };
  // Without an attempt at this one there is a later one: the clock was put back, or the timetable changed.
  const known = (await latestAttempt(deps.sql, job.name, slot)) ?? (await latestAttempt(deps.sql, job.name));
  if (!known) throw new Error(`${job.name}: a slot was neither written nor there`);
  return { created: false, slot: known };
}

const isOpen = ({ state }: JobSlot): boolean => state === "new" || state === "running" || state === "delivering";

function slotFor(job: Job, named: Date | undefined, now: Date): Date {
  const due = dueSlot(job, now);
  if (due && (named === undefined || named <= due)) return named ?? due;
  const next = nextSlot(job, now);
  throw new ClawError(
    "bad_request",
    named
      ? `slot: ${slotName(job, named)} is still to come; a slot can be run once it is due`
      : `${job.name} was never due yet; it is ${next ? `at ${slotName(job, next)} (${job.timezone})` : "at no time to come"}`,
  );
}

/** Why a slot that was missed is not made up for, with the way to have it all the same. */
function tooLate(job: Job, slot: Date, now: Date): string | undefined {
  if (job.catch_up === "latest") return undefined;
  const patienceMs = job.catch_up === "none" ? punctualMs : job.catch_up.within_hours * hourMs;
  if (now.getTime() - slot.getTime() <= patienceMs) return undefined;
  return `asked for too late by jobs.${job.name}.catch_up; run it by hand: claw jobs rerun ${job.name} --slot ${slotName(job, slot)}`;
}
