/** What a month will have cost: what is spent, and what its remaining days will cost if they are as the last ones were. */
import type { Sql } from "../db/client.ts";
import { addDays, daysBetween } from "../time/days.ts";
import { dayOf, startOfDay } from "../time/wall-clock.ts";

/** A forecast of the month that `now` falls in, in `budget.currency`. */
export interface Forecast {
  /** `2026-11` */
  readonly month: string;
  readonly spent: number;
  /** Calls of the month whose cost nobody knows: no sum here has them. */
  readonly withoutCost: number;
  /** What the whole month will have cost. */
  readonly expected: number;
  /** The month ends between these four times in five, if its days are as the last ones were. */
  readonly low: number;
  readonly high: number;
  /**
   * `weekday`: each remaining day as its weekday was in the last 28 days at most; `mean`: as all days were, of which there
   * are fewer than 14; `none`: there is no whole day yet, and what is spent is all that can be said.
   */
  readonly method: "weekday" | "mean" | "none";
  /** Whole days it is made of. */
  readonly days: number;
}

/** The costs of days in their order, of one agent or of all. */
interface Day {
  readonly day: string;
  readonly agent: string;
  readonly cost: number;
  readonly withoutCost: number;
}

const lookBack = 28;
const fewest = 14;
/** Of the normal distribution: four times in five within. */
const spread = 1.28;

/** The month of all agents together. */
export async function forecast(
  sql: Sql,
  { timezone, now }: { readonly timezone: string; readonly now: Date },
): Promise<Forecast> {
  return forecastOf(await days(sql, timezone, now), dayOf(now, timezone));
}

/** The month of each agent that made a call in it or in the 28 days before. */
export async function forecastByAgent(
  sql: Sql,
  { timezone, now }: { readonly timezone: string; readonly now: Date },
): Promise<ReadonlyMap<string, Forecast>> {
  const byAgent = Map.groupBy(await days(sql, timezone, now), ({ agent }) => agent);
  return new Map([...byAgent].map(([agent, own]) => [agent, forecastOf(own, dayOf(now, timezone))]));
}

async function days(sql: Sql, timezone: string, now: Date): Promise<Day[]> {
  const today = dayOf(now, timezone);
  const firstOfMonth = `${today.slice(0, 7)}-01`;
  const back = addDays(today, -lookBack);
  const from = startOfDay(back < firstOfMonth ? back : firstOfMonth, timezone);
  return sql<Day[]>`
    select to_char(j.at at time zone ${timezone}, 'YYYY-MM-DD') as day, r.agent, coalesce(sum(j.cost), 0) as cost,
      count(*) filter (where j.cost is null) as "withoutCost"
    from journal j join runs r on r.id = j.run_id
    where j.type in ('llm.answered', 'llm.consulted') and j.at >= ${from} and j.at <= ${now}
    group by 1, 2 order by 1`;
}

/** The forecast from the costs of days, the month's own and those of the 28 days before `today` at least. */
export function forecastOf(costs: readonly Omit<Day, "agent">[], today: string): Forecast {
  const byDay = new Map<string, number>();
  for (const { day, cost } of costs) byDay.set(day, (byDay.get(day) ?? 0) + cost);
  const month = today.slice(0, 7);
  const own = costs.filter(({ day }) => day.startsWith(month));
  const spent = own.reduce((sum, { cost }) => sum + cost, 0);
  const withoutCost = own.reduce((sum, each) => sum + each.withoutCost, 0);

  // Days without a call count, but not those before the first one: nobody was there to make any.
  const first = costs.reduce((least, { day }) => (day < least ? day : least), today);
  const whole = Math.min(lookBack, Math.max(0, daysBetween(first, today)));
  const past = Array.from({ length: whole }, (_, index) => {
    const day = addDays(today, index - whole);
    return { day, cost: byDay.get(day) ?? 0 };
  });
  const facts = { month, spent, withoutCost, days: whole };
  if (whole === 0) return { ...facts, expected: spent, low: spent, high: spent, method: "none" };

  const method = whole >= fewest ? "weekday" : "mean";
  const groupOf = (day: string): number => (method === "weekday" ? new Date(day).getUTCDay() : 0);
  const groups = Map.groupBy(past, ({ day }) => groupOf(day));
  const meanOf = (day: string): number => mean((groups.get(groupOf(day)) ?? []).map(({ cost }) => cost));
  const spentToday = byDay.get(today) ?? 0;
  const remaining = daysOfMonthAfter(today);
  const expected =
    spent + Math.max(0, meanOf(today) - spentToday) + remaining.reduce((sum, day) => sum + meanOf(day), 0);

  // A day strays from its mean, and so does a mean of few days from the true one: the second adds up over equal days.
  const freedom = Math.max(1, whole - groups.size);
  const variance = past.reduce((sum, { day, cost }) => sum + (cost - meanOf(day)) ** 2, 0) / freedom;
  const ahead = Map.groupBy([today, ...remaining], groupOf);
  const total = [...ahead].reduce((sum, [group, { length }]) => {
    const known = groups.get(group)?.length ?? 1;
    return sum + variance * (length + length ** 2 / known);
  }, 0);
  const margin = spread * Math.sqrt(total);
  return { ...facts, expected, low: Math.max(spent, expected - margin), high: expected + margin, method };
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function daysOfMonthAfter(today: string): string[] {
  const days: string[] = [];
  for (let day = addDays(today, 1); day.startsWith(today.slice(0, 7)); day = addDays(day, 1)) days.push(day);
  return days;
}
