/** Days as people name them, in a time zone. A date is YYYY-MM-DD. */

const formats = new Map<string, Intl.DateTimeFormat>();

/** Kept: making a format takes a third of a millisecond. */
function format(timeZone: string, kind: keyof typeof kinds, at: Date): string {
  const key = `${kind} ${timeZone}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone, ...kinds[kind] });
    formats.set(key, found);
  }
  return found.format(at).replace(",", "");
}

const kinds = {
  full: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  day: { weekday: "long", day: "numeric", month: "long" },
  short: { weekday: "short", day: "numeric", month: "short" },
  minute: { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hour12: false },
  iso: { year: "numeric", month: "2-digit", day: "2-digit" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** `Monday 24 November 2026` */
export const fullDay = (at: Date, timeZone: string): string => format(timeZone, "full", at);

/** `Monday 24 November` */
export const dayName = (at: Date, timeZone: string): string => format(timeZone, "day", at);

/** `Friday 21 November 08:00` */
export const minuteName = (at: Date, timeZone: string): string =>
  format(timeZone, "minute", at).replace(/ at /, " ").replace(" 24:", " 00:");

/** The date of an instant where the clocks of the zone are. */
export const dateIn = (at: Date, timeZone: string): string =>
  format(timeZone, "iso", at).split("/").toReversed().join("-");

/** `Mon 24 Nov`, of a date. */
export const shortDate = (date: string): string => format("UTC", "short", midnight(date));

const dayMs = 86_400_000;
const midnight = (date: string): Date => new Date(`${date}T00:00:00Z`);

/** The date so many days later. */
export const addDays = (date: string, days: number): string =>
  new Date(midnight(date).getTime() + days * dayMs).toISOString().slice(0, 10);

/** Days from one date to another; less than 0 where the other is earlier. */
export const daysBetween = (from: string, to: string): number =>
  (midnight(to).getTime() - midnight(from).getTime()) / dayMs;
