/** Days and times of a time zone's wall clock, written as they are read on a phone. */

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([locale, timeZone, options]);
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(locale, { timeZone, ...options });
  formats.set(key, made);
  return made;
}

/** The zone's wall clock at an instant, as `2026-07-24 09:00:00`: that is how Swedish writes it. */
const wallClock = (at: Date, timezone: string): string =>
  format("sv-SE", timezone, { dateStyle: "short", timeStyle: "medium" }).format(at);

/** The day an instant falls on, YYYY-MM-DD. */
export const dayOf = (at: Date, timezone: string): string => wallClock(at, timezone).slice(0, 10);

/** The time of day, HH:MM. */
export const timeOf = (at: Date, timezone: string): string => wallClock(at, timezone).slice(11, 16);

/** The day so many days later. */
export function addDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

const dayMs = 86_400_000;

/** The first instant of a day, which is not 00:00 where the clocks are changed at midnight. */
export function startOfDay(day: string, timezone: string): Date {
  const utc = Date.parse(`${day}T00:00:00Z`);
  const offsetAt = (ms: number): number => Date.parse(`${wallClock(new Date(ms), timezone).replace(" ", "T")}Z`) - ms;
  const candidates = [utc - dayMs, utc + dayMs].map((near) => utc - offsetAt(near)).sort((a, b) => a - b);
  return new Date(candidates.find((ms) => dayOf(new Date(ms), timezone) === day) ?? utc - offsetAt(utc));
}

/** A day as `Fri 24 Jul`. */
export function shortDay(day: string): string {
  const parts = format("en-GB", "UTC", { weekday: "short", day: "numeric", month: "short" }).formatToParts(
    new Date(`${day}T00:00:00Z`),
  );
  const part = (type: string): string => parts.find((found) => found.type === type)?.value ?? "";
  return `${part("weekday")} ${part("day")} ${part("month")}`;
}

/** An instant as `Fri 24 Jul 09:00`. */
export const shortTime = (at: Date, timezone: string): string =>
  `${shortDay(dayOf(at, timezone))} ${timeOf(at, timezone)}`;
