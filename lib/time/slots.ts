/**
 * When a job is due. Pure: the clock is an argument. A slot is an instant; the wall clock of the job's zone decides which.
 * Where clocks change: a local time that is skipped is due when the gap ends, one that comes twice the first time. A schedule
 * of every hour is a pace and not a time of day: it is due whenever the clock shows it, so twice, or not in a gap.
 */
import { Cron } from "croner";
import { type CronFields, parseCron } from "../config/cron.ts";

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

/** The first slot after an instant; undefined: there is none. */
export const nextSlot = (timetable: Timetable, after: Date): Date | undefined =>
  cronOf(timetable).nextRun(after) ?? undefined;

/** The last slot at or before an instant. */
export function lastSlot(timetable: Timetable, at: Date): Date | undefined {
  const [last] = cronOf(timetable).previousRuns(1, new Date(at.getTime() + 1));
  return last;
}

/** Whether the job is due at exactly this instant. */
export const isSlot = (timetable: Timetable, at: Date): boolean => lastSlot(timetable, at)?.getTime() === at.getTime();

/** Whether a schedule names no hours. */
export const isEveryHour = ({ hours }: CronFields): boolean => hours.length === 24;

/** By zone and schedule; people make schedules, too, so there may be many over time. */
const crons = new Map<string, Cron>();
const mostCrons = 1_000;

function cronOf({ schedule, timezone }: Timetable): Cron {
  const key = `${timezone} ${schedule}`;
  let cron = crons.get(key);
  if (!cron) {
    cron = new Cron(plain(schedule), { timezone, paused: true, fixedTimeRule: "no-wildcard" });
    if (crons.size >= mostCrons) crons.clear();
    crons.set(key, cron);
  }
  return cron;
}

/** Lists alone, as croner moves no local times that a step or a star names; and it knows fewer spellings than config does. */
function plain(schedule: string): string {
  const fields = parseCron(schedule);
  if (typeof fields === "string") throw new Error(`schedule ${fields}`);
  const { minutes, hours, days, months, weekdays } = fields;
  return [minutes, isEveryHour(fields) ? undefined : hours, days, months, weekdays]
    .map((values) => values?.join(",") ?? "*")
    .join(" ");
}
