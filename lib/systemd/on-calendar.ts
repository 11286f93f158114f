/** A job's schedule as systemd's timers say it: every slot has an OnCalendar= that elapses then. */
import { type CronFields, parseCron } from "../config/cron.ts";
import { type ClockChange, clockChanges } from "./clock-changes.ts";
import { isEveryHour, isSlot, nextSlot, type Timetable } from "../time/slots.ts";

/** What stands behind OnCalendar=. It may elapse when nothing is due: asking for a slot again does nothing. */
export interface CalendarLine {
  readonly spec: string;
  /** Why it is there besides the schedule's own. */
  readonly reason?: string;
}

/** For so long, changes of the clocks are looked for: some zones set them anew each year. */
const years = 10;

/** The lines of a checked schedule; `now` tells which changes of the clocks are ahead. */
export function onCalendar(timetable: Timetable, now: Date): CalendarLine[] {
  const { schedule, timezone } = timetable;
  const fields = parseCron(schedule);
  if (typeof fields === "string") throw new Error(`schedule ${fields}`);
  const end = new Date(now);
  end.setUTCFullYear(end.getUTCFullYear() + years);
  const changes = clockChanges(timezone, now, end);
  return [
    ...datesOf(fields).map((dates) => ({ spec: `${dates} ${timesOf(fields.hours, fields.minutes)} ${timezone}` })),
    ...(isEveryHour(fields) ? secondPasses(timetable, changes) : gapEnds(timetable, fields, changes)),
  ];
}

/** Of day and weekday either is enough, which takes two lines. */
function datesOf({ days, months, weekdays }: CronFields): string[] {
  const month = months ? values(months) : "*";
  const date = `*-${month}-${days ? values(days) : "*"}`;
  if (!weekdays) return [date];
  const onWeekdays = `${weekdaysOf(weekdays)} *-${month}-*`;
  return days ? [date, onWeekdays] : [onWeekdays];
}

const timesOf = (hours: readonly number[], minutes: readonly number[]): string =>
  `${hours.length === 24 ? "*" : values(hours)}:${minutes.length === 60 ? "*" : values(minutes)}:00`;

/** systemd leaves out what a gap skips; the job is due when the gap ends. */
function gapEnds(timetable: Timetable, fields: CronFields, changes: readonly ClockChange[]): CalendarLine[] {
  const ends = changes
    .filter(({ at, before, after }) => after > before && isSlot(timetable, at))
    .map(({ at, after }) => new Date(at.getTime() + after))
    .filter((wall) => !fields.hours.includes(wall.getUTCHours()) || !fields.minutes.includes(wall.getUTCMinutes()));
  return linesOf(ends, timetable.timezone, "clocks go forward: what that skips is due then");
}

/** systemd goes on after what comes twice; a schedule of every hour has slots in both. */
function secondPasses(timetable: Timetable, changes: readonly ClockChange[]): CalendarLine[] {
  const slots: Date[] = [];
  for (const { at, before, after } of changes) {
    const end = at.getTime() + before - after;
    let slot = nextSlot(timetable, new Date(at.getTime() - 1));
    for (; slot !== undefined && slot.getTime() < end; slot = nextSlot(timetable, slot)) slots.push(slot);
  }
  return linesOf(slots, "UTC", "clocks go back: the hours that come twice");
}

/** Lines that elapse at each of some wall clock times, and on other days alike: a year of them for all. */
function linesOf(walls: readonly Date[], timezone: string, reason: string): CalendarLine[] {
  const byHour = Map.groupBy(walls, (wall) => wall.getUTCHours());
  return [...byHour].map(([hour, same]) => {
    const each = (part: (wall: Date) => number): number[] => [...new Set(same.map(part))].sort((a, b) => a - b);
    const dates = `${weekdaysOf(each((wall) => wall.getUTCDay()))} *-${values(each((wall) => wall.getUTCMonth() + 1))}-*`;
    return {
      spec: `${dates} ${timesOf(
        [hour],
        each((wall) => wall.getUTCMinutes()),
      )} ${timezone}`,
      reason,
    };
  });
}

/** From Monday on, as systemd's ranges want it. */
const weekdaysOf = (weekdays: readonly number[]): string =>
  runs(
    weekdays.map((day) => (day + 6) % 7).sort((a, b) => a - b),
    (day) => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day] ?? "",
  );

const values = (numbers: readonly number[]): string => runs(numbers, (number) => String(number).padStart(2, "0"));

/** Sorted numbers, three or more in a row as a range. */
function runs(numbers: readonly number[], text: (number: number) => string): string {
  const parts: string[] = [];
  for (let at = 0; at < numbers.length;) {
    const first = numbers[at] ?? 0;
    let length = 1;
    while (numbers[at + length] === first + length) length++;
    if (length > 2) parts.push(`${text(first)}..${text(first + length - 1)}`);
    else parts.push(...numbers.slice(at, at + length).map(text));
    at += length;
  }
  return parts.join(",");
}
