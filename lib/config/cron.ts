/** Cron expressions as config and people may write them: five fields, and nothing that systemd's timers cannot say. */
import { z } from "zod";

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The five fields in their order: the least and the greatest value, and names for values from the least on. */
const fields = [
  { what: "minute", least: 0, most: 59, names: [] },
  { what: "hour", least: 0, most: 23, names: [] },
  { what: "day", least: 1, most: 31, names: [] },
  { what: "month", least: 1, most: 12, names: months },
  { what: "weekday", least: 0, most: 7, names: weekdays },
] as const;

/** The values each field names, sorted; `undefined`: every one. Weekdays are 0 (Sunday) to 6. */
export interface CronFields {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[] | undefined;
  readonly months: readonly number[] | undefined;
  readonly weekdays: readonly number[] | undefined;
}

/** Reads an expression; a string says what is wrong with it. Of day and weekday, where both are given, either is enough. */
export function parseCron(text: string): CronFields | string {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.length !== fields.length)
    return 'must have five fields: minute, hour, day, month, weekday, such as "0 8 * * 1-5"';
  const parsed: (readonly number[] | undefined)[] = [];
  for (const [at, field] of fields.entries()) {
    const values = valuesOf(words[at] ?? "", field);
    if (typeof values === "string") return values;
    parsed.push(values);
  }
  const [minutes, hours, days, monthsOf, week] = parsed;
  const every = (most: number): number[] => Array.from({ length: most + 1 }, (_, value) => value);
  return {
    minutes: minutes ?? every(59),
    hours: hours ?? every(23),
    days,
    months: monthsOf,
    weekdays: week && [...new Set(week.map((day) => day % 7))].sort((one, two) => one - two),
  };
}

function valuesOf(word: string, { what, least, most, names }: (typeof fields)[number]): number[] | undefined | string {
  if (word === "*") return undefined;
  const wrong = `${what} "${word.slice(0, 40)}" must be of ${least}-${most}: a number, a range 1-5, a list 1,15 or a step */10`;
  const numberOf = (part: string): number => {
    const named = (names as readonly string[]).indexOf(part);
    return named >= 0 ? least + named : /^\d{1,2}$/.test(part) ? Number(part) : Number.NaN;
  };
  const values = new Set<number>();
  for (const item of word.split(",")) {
    const [range = "", step, ...more] = item.split("/");
    const [from = "", to, ...rest] = range.split("-");
    const every = step === undefined ? 1 : /^\d{1,2}$/.test(step) ? Number(step) : 0;
    const first = range === "*" ? least : numberOf(from);
    // "5/10" is 5 and every tenth from there on, "5" is 5 alone.
    const last =
      range === "*" || (to === undefined && step !== undefined) ? most : to === undefined ? first : numberOf(to);
    const whole =
      more.length === 0 && rest.length === 0 && every > 0 && first >= least && last <= most && first <= last;
    if (!whole) return wrong;
    for (let value = first; value <= last; value += every) values.add(value);
  }
  return [...values].sort((one, two) => one - two);
}

const longestMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether there is any day at all that it names: 30 February is none. */
export const everOccurs = ({ days, months: named, weekdays: week }: CronFields): boolean =>
  week !== undefined ||
  days === undefined ||
  longestMonths.some((length, at) => (named?.includes(at + 1) ?? true) && days.some((day) => day <= length));

/** The least time between two occurrences on one day, in minutes; a day's length where there is one a day. */
export function leastMinutesBetween({ hours, minutes }: CronFields): number {
  const times = hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
  return Math.min(1_440, ...times.slice(1).map((time, at) => time - (times[at] ?? 0)));
}

/** A cron expression, white space made single. */
export const cronPattern = z.string().transform((text, context) => {
  const parsed = parseCron(text);
  if (typeof parsed !== "string") return text.trim().split(/\s+/).join(" ");
  context.addIssue({ code: "custom", message: parsed });
  return z.NEVER;
});
