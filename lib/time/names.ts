/** Days and times as people read them. */
import { midnight } from "./days.ts";
import { formatOf } from "./formats.ts";
import { dayOf, timeOf } from "./wall-clock.ts";

const named = (at: Date, timezone: string, options: Intl.DateTimeFormatOptions): string =>
  formatOf("en-GB", timezone, options).format(at).replace(",", "");

/** `Monday 24 November 2026` */
export const fullDay = (at: Date, timezone: string): string =>
  named(at, timezone, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** `Monday 24 November` */
export const dayName = (at: Date, timezone: string): string =>
  named(at, timezone, { weekday: "long", day: "numeric", month: "long" });

/** `Friday 21 November 08:00` */
export const minuteName = (at: Date, timezone: string): string => `${dayName(at, timezone)} ${timeOf(at, timezone)}`;

/** `Fri 24 Jul`, of a date. */
export const shortDay = (date: string): string =>
  named(midnight(date), "UTC", { weekday: "short", day: "numeric", month: "short" }).replace("Sept", "Sep");

/** `Fri 24 Jul 09:00` */
export const shortTime = (at: Date, timezone: string): string =>
  `${shortDay(dayOf(at, timezone))} ${timeOf(at, timezone)}`;

/** `Fri 28 Nov 2026 at 18:00` */
export const instantWords = (at: Date, timezone: string): string =>
  `${shortDay(dayOf(at, timezone))} ${dayOf(at, timezone).slice(0, 4)} at ${timeOf(at, timezone)}`;
