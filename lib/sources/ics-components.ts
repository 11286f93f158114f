/**
 * Events of iCalendar text (RFC 5545) as small texts of their own, so that one that is damaged spoils no other. Times get a
 * zone that is known everywhere; what nobody reads is dropped.
 */

/** One VEVENT, unfolded, without descriptions, alarms and attendees. */
export interface IcsComponent {
  /** "" where it has none. */
  readonly uid: string;
  readonly lines: readonly string[];
  /** It has an RRULE. */
  readonly recurs: boolean;
  /** It stands in for one occurrence of a series. */
  readonly replaces: boolean;
  /** YYYYMMDD of its start, and of its end where that is written down. */
  readonly startDay: string;
  readonly endDay: string | undefined;
}

/** Names a zone by what `Intl` knows. `definition` is the file's VTIMEZONE for it, if there is one. */
export type ZoneNames = (tzid: string, definition: string | undefined) => string;

interface Property {
  readonly name: string;
  /** With their leading semicolon; "" where there are none. */
  readonly parameters: string;
  readonly value: string;
}

const kept = new Set(
  "UID DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID SUMMARY LOCATION STATUS SEQUENCE".split(" "),
);
const dates = new Set("DTSTART DTEND RDATE EXDATE RECURRENCE-ID".split(" "));

/** Takes the text apart. Times without a zone are of `floating`. */
export function icsComponents(text: string, floating: string, zoneNames: ZoneNames): IcsComponent[] {
  const { zones, events } = sections(text);
  const zoned = (property: Property): Property => withZone(property, floating, (id) => zoneNames(id, zones.get(id)));
  return events.flatMap((properties) => {
    const event = properties.map((property) => (dates.has(property.name) ? zoned(property) : property));
    const main = event.filter(({ name }) => name !== "RDATE").map((property) => wholeExdate(property, event));
    return [main, ...extraDates(event)].map(toComponent);
  });
}

function toComponent(event: readonly Property[]): IcsComponent {
  const value = (name: string): string | undefined => event.find((property) => property.name === name)?.value;
  const start = value("DTSTART") ?? "";
  return {
    uid: value("UID") ?? "",
    lines: event.map(({ name, parameters, value: text }) => `${name}${parameters}:${text}`),
    recurs: value("RRULE") !== undefined,
    replaces: value("RECURRENCE-ID") !== undefined,
    startDay: start.slice(0, 8),
    // A series, or a duration, ends nobody knows when without reckoning.
    endDay:
      value("RRULE") === undefined && value("DURATION") === undefined
        ? (value("DTEND") ?? start).slice(0, 8)
        : undefined,
  };
}

/** VTIMEZONEs by their ids, as text, and the VEVENTs' own properties. */
function sections(text: string): { zones: Map<string, string>; events: Property[][] } {
  const zones = new Map<string, string>();
  const events: Property[][] = [];
  const path: string[] = [];
  let zone: string[] = [];
  let event: Property[] = [];
  for (const line of unfolded(text)) {
    const property = toProperty(line);
    if (!property) continue;
    const { name, value } = property;
    const component = value.trim().toUpperCase();
    if (name === "BEGIN") {
      path.push(component);
      if (component === "VTIMEZONE") zone = [];
      if (component === "VEVENT") event = [];
    }
    if (path.includes("VTIMEZONE")) zone.push(line);
    else if (path.at(-1) === "VEVENT" && kept.has(name)) event.push(property);
    if (name !== "END") continue;
    if (component === "VTIMEZONE") {
      const id = zone.find((part) => /^TZID[;:]/i.test(part));
      if (id !== undefined) zones.set(id.slice(id.indexOf(":") + 1).trim(), zone.join("\r\n"));
    }
    if (component === "VEVENT") events.push(event);
    path.splice(Math.max(0, path.lastIndexOf(component)));
  }
  return { zones, events };
}

/** Logical lines: one that begins with a space or tab goes on with the one before (3.1). */
function* unfolded(text: string): Generator<string> {
  let line: string[] = [];
  for (const part of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
    if (part.startsWith(" ") || part.startsWith("\t")) line.push(part.slice(1));
    else {
      if (line.length > 0) yield line.join("");
      line = part === "" ? [] : [part];
    }
  }
  if (line.length > 0) yield line.join("");
}

/** The value begins at the first colon that stands in no quotes. */
function toProperty(line: string): Property | undefined {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '"') quoted = !quoted;
    if (line[at] !== ":" || quoted) continue;
    const head = line.slice(0, at);
    const semicolon = head.indexOf(";");
    return {
      name: (semicolon === -1 ? head : head.slice(0, semicolon)).toUpperCase(),
      parameters: semicolon === -1 ? "" : head.slice(semicolon),
      value: line.slice(at + 1),
    };
  }
  return undefined;
}

const tzidParameter = /;TZID=(?:"([^"]*)"|([^;]*))/i;

/** A date without a zone stays one; a time without one is of `floating` (3.3.5). */
function withZone(property: Property, floating: string, nameOf: (id: string) => string): Property {
  const { name, parameters } = property;
  const value = property.value.trim();
  const found = tzidParameter.exec(parameters);
  const rest = parameters.replace(tzidParameter, "");
  if (!value.includes("T") || /Z$/i.test(value)) return { name, parameters: rest, value };
  const id = found?.[1] ?? found?.[2];
  return { name, value, parameters: `${rest};TZID=${id === undefined ? floating : nameOf(id)}` };
}

/** A day that is left out of a series of times: the time of that day. */
function wholeExdate(property: Property, event: readonly Property[]): Property {
  const start = event.find(({ name }) => name === "DTSTART");
  const time = start && /T.*$/.exec(start.value)?.[0];
  if (property.name !== "EXDATE" || property.value.includes("T") || time === undefined) return property;
  const value = property.value.split(",").map((day) => day.trim() + time);
  return { name: "EXDATE", parameters: start?.parameters ?? "", value: value.join(",") };
}

/** An event for each date that RDATE adds, unless it is left out or is the first. */
function* extraDates(event: readonly Property[]): Generator<Property[]> {
  const start = event.find(({ name }) => name === "DTSTART");
  if (!start) return;
  const out = event.filter(({ name }) => name === "EXDATE").flatMap(({ value }) => value.split(","));
  const taken = new Set([...out, start.value]);
  const same = event.filter(({ name }) => !/^(RRULE|RDATE|EXDATE|DTSTART|DTEND)$/.test(name));
  const length = lengthOf(event);
  for (const { name, parameters, value } of event) {
    if (name !== "RDATE") continue;
    for (const period of value.split(",")) {
      const [date = ""] = period.trim().split("/");
      if (taken.has(date)) continue;
      taken.add(date);
      yield [
        ...same,
        { name: "DTSTART", parameters: parameters.replace(/;VALUE=PERIOD/i, ""), value: date },
        ...length,
      ];
    }
  }
}

/** How long an event with a DTEND lasts, as a DURATION. */
function lengthOf(event: readonly Property[]): Property[] {
  const ms = (name: string): number => {
    const value = event.find((property) => property.name === name)?.value ?? "";
    const [, year, month, day, hour = "0", minute = "0", second = "0"] =
      /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d))?/.exec(value) ?? [];
    return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  };
  const seconds = (ms("DTEND") - ms("DTSTART")) / 1_000;
  if (!(seconds > 0)) return [];
  const value = seconds % 86_400 === 0 ? `P${seconds / 86_400}D` : `PT${seconds}S`;
  return [{ name: "DURATION", parameters: "", value }];
}
