/** All configured calendars as one agenda. */
import type { CalendarService, CalendarSource } from "../config/services.ts";
import { ClawError, messageOf } from "../errors.ts";
import { findCalendars, queryCalendar } from "./caldav.ts";
import { expandInWorker, fetchIcs } from "./ics.ts";
import type { DaysWindow, Occurrence } from "./ics-expand.ts";
import { authHeaders, type Service } from "./service.ts";
import { addDays } from "../time/days.ts";
import { startOfDay } from "../time/wall-clock.ts";
import { oneLine } from "../one-line.ts";

/** An occurrence, and the name of the calendar it is in. */
export interface CalendarEvent extends Occurrence {
  readonly calendar: string;
}

/** A calendar that could not be read, and why: which setting to look at. Never its address, which may be a secret. */
export interface CalendarFailure {
  readonly calendar: string;
  readonly reason: string;
}

/** What all calendars together have. */
export interface Agenda {
  /** By their starts, whole days first; not more than the service's `maxEvents`. */
  readonly events: readonly CalendarEvent[];
  readonly failed: readonly CalendarFailure[];
  /** Events that could not be read. */
  readonly damaged: number;
  /** Events past the limit. */
  readonly more: number;
  /** How many calendars were read. */
  readonly calendars: number;
}

/** What one calendar has; `failed` in the place of a throw, so that it spoils no other. */
interface Part {
  readonly name: string;
  readonly occurrences: readonly Occurrence[];
  readonly damaged: number;
  readonly more: number;
  readonly failed?: string;
}

/** Everything that one source takes together, its server's answers and the reading of them. */
const sourceMs = 90_000;

/** So many days from a day on, YYYY-MM-DD, of a time zone. */
export function daysWindow(from: string, days: number, timezone: string): DaysWindow {
  const to = addDays(from, days);
  return { timezone, from, to, start: startOfDay(from, timezone), end: startOfDay(to, timezone) };
}

/** Reads all calendars. Where all fail it throws ClawError `fetch_failed`, which names each. */
export async function readAgenda(service: CalendarService, window: DaysWindow, signal: AbortSignal): Promise<Agenda> {
  const parts = (
    await Promise.all(service.calendars.map((source) => readSource(service, source, window, signal)))
  ).flat();
  signal.throwIfAborted();
  const failed = parts.flatMap(({ name, failed: reason }) =>
    reason === undefined ? [] : [{ calendar: name, reason }],
  );
  if (failed.length === parts.length)
    throw new ClawError("fetch_failed", failed.map(({ reason }) => reason).join("\n"));
  const events = parts
    .flatMap(({ name, occurrences }) => occurrences.map((occurrence) => ({ calendar: name, ...occurrence })))
    .toSorted((a, b) => sortKey(a, window).localeCompare(sortKey(b, window)));
  const sum = (count: (part: Part) => number): number => parts.reduce((total, part) => total + count(part), 0);
  return {
    events: events.slice(0, service.maxEvents),
    failed,
    damaged: sum(({ damaged }) => damaged),
    more: sum(({ more }) => more) + Math.max(0, events.length - service.maxEvents),
    calendars: parts.length,
  };
}

/** Whole days stand before the times of their first day. */
const sortKey = ({ start, allDay, title }: CalendarEvent, { timezone }: DaysWindow): string =>
  `${allDay ? startOfDay(start, timezone).toISOString() : start} ${allDay ? 0 : 1} ${title}`;

async function readSource(
  { timeoutMs }: CalendarService,
  source: CalendarSource,
  window: DaysWindow,
  outer: AbortSignal,
): Promise<Part[]> {
  const service = serviceOf(source, timeoutMs);
  const signal = AbortSignal.any([outer, AbortSignal.timeout(sourceMs)]);
  const part = async (name: string, texts: () => Promise<readonly string[]>): Promise<Part> => {
    try {
      return { name, ...(await expandInWorker(await texts(), window, signal)) };
    } catch (thrown) {
      return failedPart(name, service, thrown);
    }
  };
  if (source.kind === "ics") return [await part(source.name, async () => [await fetchIcs(service, signal)])];
  try {
    const found = await findCalendars(service, signal);
    const wanted = found.filter(({ name }) => source.only.length === 0 || source.only.includes(name));
    const missing = source.only
      .filter((name) => !found.some((calendar) => calendar.name === name))
      .map((name) => failedPart(name, service, noSuchCalendar(service, name, found)));
    const several = wanted.length + missing.length > 1;
    const reads = wanted.map((calendar) =>
      part(several ? oneLine(calendar.name, 60) : source.name, () => queryCalendar(service, calendar, window, signal)),
    );
    return [...(await Promise.all(reads)), ...missing];
  } catch (thrown) {
    return [failedPart(source.name, service, thrown)];
  }
}

const serviceOf = ({ name, url, auth }: CalendarSource, timeoutMs: number): Service => ({
  title: `Calendar "${name}"`,
  key: `tools.calendar.calendars.${name}`,
  url,
  timeoutMs,
  headers: authHeaders(auth),
});

function noSuchCalendar({ title, key }: Service, name: string, found: readonly { name: string }[]): ClawError {
  const names = found.map((calendar) => `"${oneLine(calendar.name, 60)}"`).join(", ");
  return new ClawError("not_found", `${title} has none named "${name}" but ${names}: correct ${key}.only`);
}

function failedPart(name: string, { title, key }: Service, thrown: unknown): Part {
  // What is not ours may quote what it was given.
  const message = thrown instanceof ClawError ? messageOf(thrown) : `could not be read; check ${key}`;
  const reason = message.startsWith(title) ? message : `${title}: ${message}`;
  return { name, occurrences: [], damaged: 0, more: 0, failed: reason };
}
