/** When something happens, in words that people read. */
import { type CronFields, parseCron } from "../config/cron.ts";
import type { Timetable } from "./slots.ts";

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];
/** More times a day than these are said as a pattern. */
const mostTimes = 6;

/** `weekdays at 07:00 (Europe/Berlin)`; an expression that is none is shown as it is. */
export function timetableWords({ schedule, timezone }: Timetable): string {
  const fields = parseCron(schedule);
  if (typeof fields === "string") return `${schedule} (${timezone})`;
  const season = fields.months && `in ${listed(fields.months.map((month) => months[month - 1] ?? ""))}`;
  const words = [daysOf(fields), season, timesOf(fields)].filter((part) => part !== undefined);
  return `${words.join(" ")} (${timezone})`;
}

function daysOf({ days, weekdays: week }: CronFields): string {
  if (days === undefined && week === undefined) return "every day";
  // Of the two either is enough.
  return [week && weekWords(week), days && `on day ${listed(days.map(String))} of the month`]
    .filter((words) => words !== undefined)
    .join(" and ");
}

function weekWords(week: readonly number[]): string {
  const key = week.join("");
  if (key === "12345") return "weekdays";
  if (key === "06") return "weekends";
  if (key === "0123456") return "every day";
  return `every ${listed(week.map((day) => weekdays[day] ?? ""))}`;
}

function timesOf({ minutes, hours }: CronFields): string {
  if (minutes.length * hours.length <= mostTimes)
    return `at ${listed(hours.flatMap((hour) => minutes.map((minute) => `${two(hour)}:${two(minute)}`)))}`;
  const step = stepOf(minutes);
  const all = hours.length === 24;
  const inHours = all ? "" : ` in the hours ${listed(rangesOf(hours))}`;
  if (step !== undefined) return step === 1 ? `every minute${inHours}` : `every ${step} minutes${inHours}`;
  return `at ${listed(minutes.map((minute) => `:${two(minute)}`))}${all ? " of every hour" : inHours}`;
}

/** The step of minutes that stand evenly around the hour, from its first. */
function stepOf(minutes: readonly number[]): number | undefined {
  const step = 60 / minutes.length;
  return minutes.length > 1 && minutes.every((minute, at) => minute === at * step) ? step : undefined;
}

const two = (value: number): string => String(value).padStart(2, "0");

const listed = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;

/** Hours as they are said: three and more in a row as a range. */
function rangesOf(hours: readonly number[]): string[] {
  const ranges: number[][] = [];
  for (const hour of hours) {
    const last = ranges.at(-1);
    if (last !== undefined && last.at(-1) === hour - 1) last.push(hour);
    else ranges.push([hour]);
  }
  return ranges.flatMap((range) =>
    range.length < 3 ? range.map(two) : [`${two(range[0] ?? 0)}-${two(range.at(-1) ?? 0)}`],
  );
}
