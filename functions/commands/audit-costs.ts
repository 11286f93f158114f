/** `claw audit costs`: what calls to models cost, and what the month will have cost. */
import { Option, type Command } from "commander";
import { type CostKey, costKeys, type CostRow, costsBy, totalOf } from "../../lib/audit/costs.ts";
import { type Forecast, forecast, forecastByAgent } from "../../lib/audit/forecast.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { ClawError } from "../../lib/errors.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { addDays, midnight } from "../../lib/time/days.ts";
import { dayOf, startOfDay } from "../../lib/time/wall-clock.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

interface Options {
  readonly by: CostKey;
  readonly since?: string;
  readonly until?: string;
  readonly json?: boolean;
}

/** Adds `costs` to `claw audit`. */
export function addCosts(audit: Command, context: CommandContext): void {
  audit
    .command("costs")
    .summary("what calls to models cost, and the forecast of the month")
    .description(
      "Sums the calls of the journal, those of `claw replay` with them. A cost that nobody knows is in no sum: UNKNOWN says how many calls that are. Days and months are those of the config's time zone.",
    )
    .addOption(new Option("--by <what>", "what to sum by").choices([...costKeys]).default("agent"))
    .option("--since <day>", "the first day, as 2026-11-24 (default: of this month; by month, of a year ago)")
    .option("--until <day>", "the last day (default: today)")
    .option("--json", "as JSON")
    .action(async ({ by, since, until, json = false }: Options) => {
      const config = await context.loadConfig();
      const { timezone } = config;
      const { currency } = config.budget;
      const now = new Date();
      const today = dayOf(now, timezone);
      const first = dayGiven("--since", since) ?? defaultFirst(by, today);
      const last = dayGiven("--until", until) ?? today;
      if (last < first) throw new ClawError("bad_request", `--until ${last} is before the first day, ${first}`);
      const from = startOfDay(first, timezone);
      const to = startOfDay(addDays(last, 1), timezone);
      const found = await withDatabase(config, async (sql) => ({
        rows: await costsBy(sql, { by, from, to, timezone }),
        month: await forecast(sql, { timezone, now }),
        agents: by === "agent" ? await forecastByAgent(sql, { timezone, now }) : new Map<string, Forecast>(),
      }));
      if (json) {
        const { rows, month, agents } = found;
        const facts = {
          by,
          since: first,
          until: last,
          timezone,
          currency,
          rows,
          total: totalOf(rows),
          forecast: month,
        };
        const all = agents.size > 0 ? { ...facts, forecastByAgent: Object.fromEntries(agents) } : facts;
        context.out(JSON.stringify(all, undefined, 2));
        return;
      }
      context.out(`Costs by ${by}, ${first} to ${last} (${timezone}), in ${currency}`);
      for (const line of table(by, found.rows)) context.out(line);
      context.out("");
      context.out(`${found.month.month}: ${forecastWords(found.month)}`);
      if (found.agents.size > 1)
        for (const [agent, each] of found.agents) context.out(`  ${visible(agent)}: ${forecastWords(each)}`);
    });
}

function dayGiven(option: string, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  // Date rolls a 30 February over into March.
  if (Number.isNaN(midnight(given).getTime()) || addDays(given, 0) !== given)
    throw new ClawError("bad_request", `${option} ${given}: write a day as 2026-11-24`);
  return given;
}

const defaultFirst = (by: CostKey, today: string): string =>
  by === "month" ? `${Number(today.slice(0, 4)) - 1}${today.slice(4, 7)}-01` : `${today.slice(0, 7)}-01`;

function table(by: CostKey, rows: readonly CostRow[]): string[] {
  if (rows.length === 0) return ["No calls."];
  const replayed = rows.some(({ replayCost }) => replayCost > 0);
  const cells = (key: string, row: CostRow): string[] => [
    key,
    ...[row.calls, row.inputTokens, row.cachedTokens, row.outputTokens, row.reasoningTokens].map(String),
    row.cost.toFixed(6),
    ...(replayed ? [row.replayCost.toFixed(6)] : []),
    String(row.withoutCost),
  ];
  return alignedLines(
    [
      [
        by.toUpperCase(),
        ...["CALLS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"],
        ...(replayed ? ["BY REPLAYS"] : []),
        "UNKNOWN",
      ],
      ...rows.map((row) => cells(row.key === "" ? "-" : visible(row.key), row)),
      cells("total", totalOf(rows)),
    ],
    1,
  );
}

/** What is spent and what is to come, with how sure that is. */
function forecastWords({ spent, expected, low, high, method, days, withoutCost }: Forecast): string {
  const unknown = withoutCost === 0 ? "" : `; ${withoutCost} ${calls(withoutCost)} of unknown cost not counted`;
  const soFar = `${amount(spent)} so far`;
  if (method === "none") return `${soFar}; a forecast needs one whole day${unknown}`;
  const by = method === "weekday" ? "as their weekdays were" : "as the days were, too few to tell weekdays apart";
  return `${soFar}, about ${amount(expected)} in all (${amount(low)} to ${amount(high)} four times in five, if days are ${by} in the last ${days})${unknown}`;
}

const calls = (count: number): string => (count === 1 ? "call" : "calls");

const amount = (value: number): string => value.toFixed(value >= 1 ? 2 : 4);
