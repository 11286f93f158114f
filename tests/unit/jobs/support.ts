/** Zones, schedules and slots for properties; the slots are found by Intl and by looking at every minute. */
import fc from "../../support/property.ts";
import { nextSlot, type Timetable } from "../../../lib/time/slots.ts";

export const minuteMs = 60_000;
export const dayMs = 1_440 * minuteMs;

/** Changes of a whole and of half an hour, at night and at midnight, on both sides of the equator, by decree, none, and a day that never was. */
export const zones = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Sao_Paulo",
  "America/Havana",
  "Africa/Casablanca",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Pacific/Apia",
] as const;

/** An instant a while before and after each change of the clocks, by zone. */
export const changes: Record<(typeof zones)[number], readonly string[]> = {
  "Europe/Berlin": ["2027-03-28T01:00Z", "2027-10-31T01:00Z"],
  "America/New_York": ["2027-03-14T07:00Z", "2027-11-07T06:00Z"],
  "Australia/Lord_Howe": ["2027-04-03T15:00Z", "2027-10-02T15:30Z"],
  "America/Sao_Paulo": ["2018-02-18T02:00Z", "2018-11-04T03:00Z"],
  "America/Havana": ["2027-03-14T05:00Z", "2027-11-07T05:00Z"],
  "Africa/Casablanca": ["2027-02-07T02:00Z", "2027-03-14T02:00Z"],
  "Africa/Cairo": ["2027-04-29T22:00Z", "2027-10-28T21:00Z"],
  "Asia/Kathmandu": ["2027-03-28T01:00Z"],
  "Pacific/Apia": ["2011-12-30T10:00Z", "2020-04-04T14:00Z", "2020-09-26T14:00Z"],
};

/** What the clock of a zone shows, minutes apart. */
export interface Wall {
  /** As if it were UTC. */
  readonly ms: number;
  readonly weekday: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

export function wallOf(zone: string, at: number): Wall {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
    });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part;
  const ms = Date.UTC(year, month - 1, day, hour, minute);
  return { ms, weekday: new Date(ms).getUTCDay() };
}

const walls = new Map<string, Map<number, Wall>>();

function known(zone: string, at: number): Wall {
  const ofZone = walls.get(zone) ?? new Map<number, Wall>();
  walls.set(zone, ofZone);
  const wall = ofZone.get(at) ?? wallOf(zone, at);
  ofZone.set(at, wall);
  return wall;
}

/** A cron expression with what each of its fields names; undefined: a star. */
export interface Expression {
  readonly text: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[] | undefined;
  readonly days: readonly number[] | undefined;
  readonly months: readonly number[] | undefined;
  readonly weekdays: readonly number[] | undefined;
}

/** Values up to `most`, where they are drawn one by one, of a field that goes up to `last`. */
const field = (least: number, last: number, most = last) => {
  const all = Array.from({ length: last - least + 1 }, (_, index) => least + index);
  return fc.oneof(
    fc
      .uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 4 })
      .map((values) => ({ text: values.join(","), values })),
    fc
      .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
      .map(([one, two]) => [Math.min(one, two), Math.max(one, two)] as const)
      .map(([from, to]) => ({ text: `${from}-${to}`, values: all.filter((value) => value >= from && value <= to) })),
    fc
      .integer({ min: 1, max: Math.min(last, 40) })
      .map((step) => ({ text: `*/${step}`, values: all.filter((value) => (value - least) % step === 0) })),
    fc
      .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: 1, max: 20 }))
      .map(([from, step]) => ({
        text: `${from}/${step}`,
        values: all.filter((value) => value >= from && (value - from) % step === 0),
      })),
  );
};

const star = fc.constant({ text: "*", values: undefined });
const mostly = <Of, Other>(often: fc.Arbitrary<Of>, seldom: fc.Arbitrary<Other>) =>
  fc.oneof({ weight: 3, arbitrary: often }, { weight: 1, arbitrary: seldom });

/** Cron expressions in every spelling; the night, in which clocks change, is likelier than the day. */
export const expressions: fc.Arbitrary<Expression> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: field(0, 59) },
      { weight: 1, arbitrary: fc.constant({ text: "*", values: Array.from({ length: 60 }, (_, minute) => minute) }) },
    ),
    fc.oneof(field(0, 23, 3), field(0, 23), star),
    mostly(star, field(1, 31)),
    mostly(star, field(1, 12)),
    mostly(star, field(0, 7)),
  )
  .map(([minutes, hours, days, months, weekdays]) => ({
    text: [minutes, hours, days, months, weekdays].map(({ text }) => text).join(" "),
    minutes: minutes.values,
    hours: hours.values,
    days: days.values,
    months: months.values,
    weekdays: weekdays.values?.map((day) => day % 7),
  }));

/** Whether a wall clock shows what an expression names. Of day and weekday, where both are given, either is enough. */
export function shows({ minutes, hours, days, months, weekdays }: Expression, { ms, weekday }: Wall): boolean {
  const at = new Date(ms);
  const day = days?.includes(at.getUTCDate());
  const ofWeek = weekdays?.includes(weekday);
  return (
    minutes.includes(at.getUTCMinutes()) &&
    (hours?.includes(at.getUTCHours()) ?? true) &&
    (months?.includes(at.getUTCMonth() + 1) ?? true) &&
    (day === undefined || ofWeek === undefined ? (day ?? ofWeek ?? true) : day || ofWeek)
  );
}

/**
 * The slots from one instant to another, both on a minute, by what slots.ts promises: looked for at every minute, and at
 * each change of the clocks by every minute that is skipped.
 */
export function slotsByIntl(expression: Expression, zone: string, from: number, to: number): number[] {
  const pace = expression.hours === undefined || expression.hours.length === 24;
  const slots = new Set<number>();
  // What the clocks showed before `from` counts as shown, too.
  let seen = 0;
  for (let at = from - dayMs; at < to; at += minuteMs) {
    const wall = known(zone, at);
    const skipped = seen === 0 ? 0 : wall.ms - seen - minuteMs;
    if (skipped > 0 && !pace)
      for (let ms = seen + minuteMs; ms < wall.ms; ms += minuteMs)
        if (sameDay(ms, wall.ms) && shows(expression, { ms, weekday: new Date(ms).getUTCDay() })) slots.add(at);
    if ((pace || wall.ms > seen) && shows(expression, wall)) slots.add(at);
    seen = Math.max(seen, wall.ms);
  }
  return [...slots].filter((at) => at >= from);
}

const sameDay = (one: number, two: number): boolean => Math.floor(one / dayMs) === Math.floor(two / dayMs);

/** Some days around a change of the clocks. */
export interface Days {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
}

export const days: fc.Arbitrary<Days> = fc
  .constantFrom(...zones.flatMap((zone) => changes[zone].map((change) => [zone, Date.parse(change)] as const)))
  .map(([zone, change]) => ({ zone, from: change - 1.5 * dayMs, to: change + 1.5 * dayMs }));

export const timetable = ({ text }: Expression, { zone }: Days): Timetable => ({ schedule: text, timezone: zone });

/** The slots from one instant up to another, by `nextSlot`. */
export function slotsFrom(given: Timetable, from: number, to: number): number[] {
  const slots: number[] = [];
  for (
    let next = nextSlot(given, new Date(from - 1));
    next !== undefined && next.getTime() < to;
    next = nextSlot(given, next)
  )
    slots.push(next.getTime());
  return slots;
}
