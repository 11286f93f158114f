/** What the clocks of a time zone show, and when they show it. */
import { formatOf } from "./formats.ts";

const dayMs = 86_400_000;

/** `2026-07-24 09:00:00`: that is how Swedish writes it. */
const shown = (at: Date, timezone: string): string =>
  formatOf("sv-SE-u-ca-gregory-nu-latn", timezone, { dateStyle: "short", timeStyle: "medium" }).format(at);

/** The day an instant falls on, YYYY-MM-DD. */
export const dayOf = (at: Date, timezone: string): string => shown(at, timezone).slice(0, 10);

/** The time of day, HH:MM. */
export const timeOf = (at: Date, timezone: string): string => shown(at, timezone).slice(11, 16);

/** Day and time, `2026-07-24 09:00`. */
export const minuteOf = (at: Date, timezone: string): string => shown(at, timezone).slice(0, 16);

/** Day and time as they are written in names, `2026-07-24T09:00`, with seconds where there are any. */
export function localName(at: Date, timezone: string): string {
  const name = shown(at, timezone).replace(" ", "T");
  return name.endsWith(":00") ? name.slice(0, 16) : name;
}

/** How far the zone's clocks are ahead of UTC at an instant, in milliseconds. */
export const offsetAt = (ms: number, timezone: string): number =>
  Date.parse(`${shown(new Date(ms), timezone).replace(" ", "T")}Z`) - Math.floor(ms / 1000) * 1000;

/**
 * The instants at which the zone's clocks show this time (`2026-07-24T09:00`), the earlier first; of a time that they skip,
 * those as far before and after. Empty: it is no time.
 */
export function instantsOf(local: string, timezone: string): Date[] {
  const utc = Date.parse(`${local.replace(" ", "T")}Z`);
  if (Number.isNaN(utc)) return [];
  const offsets = [-dayMs, 0, dayMs].map((shift) => offsetAt(utc + shift, timezone));
  const instants = [...new Set(offsets.map((offset) => utc - offset))].sort((one, two) => one - two);
  return instants.map((ms) => new Date(ms));
}

/**
 * The instant that the zone's clocks call `2026-11-28T18:00`; undefined where there is no such day or time. A time that a
 * change of clocks leaves out is the one as much later, of one that comes twice the first is meant.
 */
export function instantOf(local: string, timezone: string): Date | undefined {
  const named = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(local) ? new Date(`${local}:00Z`) : undefined;
  // Date rolls a 30 February over into March.
  if (named === undefined || Number.isNaN(named.getTime()) || named.toISOString().slice(0, 16) !== local)
    return undefined;
  const instants = instantsOf(local, timezone);
  return instants.find((at) => localName(at, timezone) === local) ?? instants.at(-1);
}

/** The first instant of a day, which is not 00:00 where the clocks are changed at midnight. */
export function startOfDay(day: string, timezone: string): Date {
  const candidates = instantsOf(`${day}T00:00`, timezone);
  const first = candidates.find((at) => dayOf(at, timezone) === day) ?? candidates[0];
  if (!first) throw new Error(`${day} is no day`);
  return first;
}
