/** What a calendar has on some days: series are expanded by node-ical. It takes as long as the text demands: run it in a worker. */
import ical, { type CalendarResponse, type EventInstance, type ParameterValue, type VEvent } from "node-ical";
import { icsComponents, type IcsComponent } from "./ics-components.ts";
import { addDays } from "../time/days.ts";
import { oneLine } from "../one-line.ts";

/** Days of a time zone, as dates and as the instants between which they lie. */
export interface DaysWindow {
  readonly timezone: string;
  /** YYYY-MM-DD; `to` is the day after the last. */
  readonly from: string;
  readonly to: string;
  readonly start: Date;
  readonly end: Date;
}

/** One occurrence. Where it lasts whole days, `start` and `end` are dates, `end` the day after the last; else instants as ISO strings. */
export interface Occurrence {
  readonly title: string;
  readonly location?: string;
  readonly start: string;
  readonly end: string;
  readonly allDay: boolean;
}

/** What was found, by their starts. */
export interface Expanded {
  readonly occurrences: readonly Occurrence[];
  /** Events that could not be read. */
  readonly damaged: number;
  /** Occurrences past the limit. */
  readonly more: number;
}

const textLimit = 200;
/** Wider than any two zones are apart: what is left is cut to the window exactly. */
const marginMs = 36 * 3_600_000;

/** Expands calendars into the occurrences that touch the window, the first `limit` of them. */
export function expandIcs(texts: readonly string[], window: DaysWindow, limit: number): Expanded {
  const components = texts.flatMap((text) => icsComponents(text, window.timezone, zoneNames(window.timezone)));
  const found: Occurrence[] = [];
  let damaged = 0;
  for (const group of groupsOf(components.filter((component) => mayTouch(component, window)))) {
    try {
      found.push(...occurrencesOf(group, window));
    } catch {
      damaged++;
    }
  }
  const sorted = found.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  return { occurrences: sorted.slice(0, limit), damaged, more: Math.max(0, sorted.length - limit) };
}

/** Most of a calendar is long past: by the days alone, which are cheap to compare. */
function mayTouch({ startDay, endDay, recurs, replaces }: IcsComponent, { from, to }: DaysWindow): boolean {
  // What stands in for an occurrence is needed wherever it was moved to.
  if (replaces || !/^\d{8}$/.test(startDay)) return true;
  const compact = (day: string): string => day.replaceAll("-", "");
  if (startDay > compact(addDays(to, 2))) return false;
  return recurs || endDay === undefined || endDay >= compact(addDays(from, -2));
}

/** A series with what stands in for its occurrences; everything else alone, since files give one UID to many events. */
function groupsOf(components: readonly IcsComponent[]): IcsComponent[][] {
  const groups: IcsComponent[][] = [];
  for (const [uid, same] of Map.groupBy(components, (component) => component.uid)) {
    const replacing = same.filter(({ replaces }) => replaces);
    const series = uid === "" ? undefined : same.find(({ recurs, replaces }) => recurs && !replaces);
    if (series) groups.push([series, ...replacing]);
    const alone = same.filter((component) => component !== series && !(series && component.replaces));
    groups.push(...alone.map((component) => [component]));
  }
  return groups;
}

function occurrencesOf(group: readonly IcsComponent[], window: DaysWindow): Occurrence[] {
  const event = parse(group.map(({ lines }) => lines));
  // What is no date stays text.
  if (!(event?.start instanceof Date) || Number.isNaN(event.start.getTime())) throw new Error("no event");
  const instances = ical.expandRecurringEvent(event, {
    from: new Date(window.start.getTime() - marginMs),
    to: new Date(window.end.getTime() + marginMs),
    expandOngoing: true,
  });
  return instances
    .filter((instance) => instance.event.status !== "CANCELLED")
    .map(toOccurrence)
    .filter((occurrence) => touches(occurrence, window));
}

function parse(events: readonly (readonly string[])[]): VEvent | undefined {
  const text = events.map((lines) => ["BEGIN:VEVENT", ...lines, "END:VEVENT"].join("\r\n"));
  const parsed: CalendarResponse = ical.sync.parseICS(["BEGIN:VCALENDAR", ...text, "END:VCALENDAR"].join("\r\n"));
  return Object.values(parsed).find((part): part is VEvent => part?.type === "VEVENT");
}

function toOccurrence({ start, end, summary, isFullDay, event }: EventInstance): Occurrence {
  const location = plain(event.location);
  const [from, to] = isFullDay ? [localDay(start), localDay(end)] : [start.toISOString(), end.toISOString()];
  return {
    title: plain(summary) || "(no title)",
    ...(location !== "" && { location }),
    start: from,
    end: to > from ? to : isFullDay ? addDays(from, 1) : from,
    allDay: isFullDay,
  };
}

const plain = (value: ParameterValue | undefined): string =>
  oneLine(String(typeof value === "object" ? value.val : (value ?? "")), textLimit);

/** Dates are given as midnights of the zone that this process happens to run in. */
const localDay = (date: Date): string =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

function touches({ start, end, allDay }: Occurrence, window: DaysWindow): boolean {
  const [first, last] = allDay ? [window.from, window.to] : [window.start.toISOString(), window.end.toISOString()];
  // What takes no time belongs to the moment it is at.
  return start < last && (end > first || start >= first);
}

/** Names zones, each asked for once: by `Intl`, by node-ical's table of Windows' names, by the offsets of the definition. */
function zoneNames(fallback: string): (tzid: string, definition: string | undefined) => string {
  const names = new Map<string, string>();
  return (tzid, definition) => {
    const known = names.get(tzid);
    if (known !== undefined) return known;
    const found = [
      tzid,
      /[A-Z][A-Za-z_]+\/[A-Za-z_/-]+$/.exec(tzid)?.[0],
      probe(tzid),
      definition && probe(tzid, definition),
    ];
    const zone = found.find((candidate) => candidate !== undefined && isZone(candidate)) ?? fallback;
    // node-ical takes a parameter's value to end at a colon.
    const name = zone.replace(":", "");
    names.set(tzid, name);
    return name;
  };
}

/** What node-ical makes of a zone: it looks at definitions only under a name that Outlook uses. */
function probe(tzid: string, definition?: string): string | undefined {
  const custom = "Customized Time Zone";
  if (definition === undefined && tzid.startsWith(custom)) return undefined;
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const zone = definition?.replace(/^TZID[;:].*$/im, `TZID:${custom}`);
  const start = `DTSTART;TZID=${definition === undefined ? tzid.replaceAll(/["\r\n]/g, "") : custom}:${day}T120000`;
  const parts = ["BEGIN:VCALENDAR", ...(zone === undefined ? [] : [zone]), "BEGIN:VEVENT", "UID:probe", start];
  try {
    const parsed = ical.sync.parseICS([...parts, "END:VEVENT", "END:VCALENDAR"].join("\r\n"));
    return (parsed["probe"] as VEvent | undefined)?.start.tz;
  } catch {
    return undefined;
  }
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
