/** When a job is due. Pure: the clock is an argument. A slot is an instant; the wall clock of the job's zone decides which. */
import { Cron } from "croner";

/** What decides a job's slots. */
export interface Timetable {
  /** Five fields, as lib/config/cron.ts takes them. */
  readonly schedule: string;
  readonly timezone: string;
}

/** A clock that is behind that of whoever fires the timer by so much still means the slot that is about to be due. */
const earlyMs = 30_000;

/** The slot that is due at `now`, the latest of all; undefined: none ever was. */
export function dueSlot(timetable: Timetable, now: Date): Date | undefined {
  const next = nextSlot(timetable, now);
  const last = lastSlot(timetable, now);
  if (next === undefined) return last;
  const gap = last === undefined ? Number.POSITIVE_INFINITY : next.getTime() - last.getTime();
  return next.getTime() - now.getTime() <= Math.min(earlyMs, gap / 4) ? next : last;
}

/** The first slot after an instant. */
export const nextSlot = (timetable: Timetable, after: Date): Date | undefined =>
  cronOf(timetable).nextRun(after) ?? undefined;

/** The last slot at or before an instant. */
export function lastSlot(timetable: Timetable, at: Date): Date | undefined {
  const [last] = cronOf(timetable).previousRuns(1, new Date(at.getTime() + 1));
  return last;
}

/** Whether the job is due at exactly this instant. */
export const isSlot = (timetable: Timetable, at: Date): boolean => lastSlot(timetable, at)?.getTime() === at.getTime();

const crons = new Map<string, Cron>();

function cronOf({ schedule, timezone }: Timetable): Cron {
  const key = `${timezone} ${schedule}`;
  let cron = crons.get(key);
  if (!cron) {
    cron = new Cron(schedule, { timezone, paused: true });
    crons.set(key, cron);
  }
  return cron;
}
