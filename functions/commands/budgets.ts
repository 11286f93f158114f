import type { Command } from "commander";
import type { Principal } from "../../lib/channel/types.ts";
import type { Config } from "../../lib/config/config.ts";
import { ClawError } from "../../lib/errors.ts";
import { type BudgetState, budgetsOfDay } from "../../lib/ledger/budgets.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { type Budget, namedBudgets, principalBudget } from "../../lib/policy/budget.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";

/** Adds `claw budgets`: what was used of a day's budgets. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("budgets")
    .summary("what is used of the daily budgets")
    .description(
      "Prints every daily budget: what is spent, what is held for calls under way, and its limits. Budgets of the config that nothing was used of are at 0; those that the config has no more are without a limit.",
    )
    .option("--day <day>", "another day than today, as 2026-11-24")
    .option("--json", "as JSON")
    .action(async ({ day, json = false }: { day?: string; json?: boolean }) => {
      if (day !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(day))
        throw new ClawError("bad_request", `--day ${day}: write a day as 2026-11-24`);
      const config = await context.loadConfig();
      const asked = day ?? dayOf(new Date(), config.timezone);
      const rows = budgetRows(
        dailyBudgets(config, asked),
        await withDatabase(config, (sql) => budgetsOfDay(sql, asked)),
      );
      if (json) context.out(JSON.stringify({ day: asked, timezone: config.timezone, budgets: rows }, undefined, 2));
      else for (const line of render(rows, asked, config.timezone)) context.out(line);
    });
}

/** One budget as it is printed; a limit that is not set is null. */
interface BudgetRow {
  readonly scope: string;
  readonly tokens: { readonly spent: number; readonly held: number; readonly limit: number | null };
  readonly money: { readonly spent: number; readonly held: number; readonly limit: number | null };
}

/** The daily budgets that the config sets. */
function dailyBudgets(config: Config, day: string): Budget[] {
  const people = new Set([...config.groups.values()].flatMap(({ members }) => members as Principal[]));
  return [...namedBudgets(config, day), ...[...people].flatMap((person) => principalBudget(config, person, day))];
}

function budgetRows(budgets: readonly Budget[], states: readonly BudgetState[]): BudgetRow[] {
  const scopes = new Set([...budgets, ...states].map(({ scope }) => scope));
  return [...scopes].map((scope) => {
    const state = states.find((each) => each.scope === scope);
    const limits = budgets.find((each) => each.scope === scope)?.limits ?? [];
    const row = (unit: "tokens" | "money"): BudgetRow["tokens"] => ({
      spent: state?.spent[unit] ?? 0,
      held: state?.held[unit] ?? 0,
      limit: limits.find((each) => each.unit === unit)?.most ?? null,
    });
    return { scope, tokens: row("tokens"), money: row("money") };
  });
}

function render(rows: readonly BudgetRow[], day: string, timezone: string): string[] {
  if (rows.length === 0)
    return [
      `No daily budget is set, and none was used on ${day} (${timezone}): see [budget] and limits in the config.`,
    ];
  const cells = (part: BudgetRow["tokens"]): string[] =>
    [part.spent, part.held, part.limit ?? "-"].map((value) =>
      typeof value === "number" ? `${+value.toFixed(6)}` : value,
    );
  const table = [
    ["SCOPE", "TOKENS", "HELD", "LIMIT", "MONEY", "HELD", "LIMIT"],
    ...rows.map(({ scope, tokens, money }) => [scope, ...cells(tokens), ...cells(money)]),
  ];
  return [`Budgets of ${day} (${timezone})`, ...alignedLines(table, 1)];
}
