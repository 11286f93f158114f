import type { Command } from "commander";
import { checkNames } from "../../lib/audit/known-names.ts";
import { listRuns } from "../../lib/audit/runs.ts";
import { ClawError } from "../../lib/errors.ts";
import { type FilterOptions, filterOf, filterWords, withFilters } from "./audit-filter.ts";
import { asTable } from "./audit-output.ts";
import { runsTable } from "./audit-table.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

const usualLimit = 30;
const mostLimit = 1_000;

interface ListOptions extends FilterOptions {
  readonly limit?: string;
  readonly after?: string;
  readonly json?: boolean;
  readonly table?: boolean;
}

/** Adds `claw audit list`: runs by filters, newest first, in pages. */
export function addList(audit: Command, context: CommandContext): void {
  withFilters(
    audit
      .command("list", { isDefault: true })
      .summary("runs, newest first")
      .description("Runs, newest first: a table on a terminal, elsewhere a JSON object a line. All filters must hold."),
  )
    .option("--limit <count>", `so many of them (default: ${usualLimit})`)
    .option("--after <run>", "the page after this run, as the page before says at its end")
    .option("--json", "JSON lines, also on a terminal")
    .option("--table", "a table, also elsewhere")
    .action(async ({ limit, after, json, table, ...options }: ListOptions) => {
      const config = await context.loadConfig("database");
      const filter = filterOf(options, config.timezone);
      const count = limitOf(limit);
      const page = await withDatabase(config, async (sql) => {
        await checkNames(sql, config, filter);
        return listRuns(sql, filter, { limit: count, after });
      });
      const next = page.next === undefined ? undefined : nextLine({ options, limit, after: page.next });
      if (asTable({ json, table })) {
        for (const line of runsTable(page.runs, config.timezone)) context.out(line);
        if (next !== undefined) context.out(next);
      } else {
        for (const run of page.runs) context.out(JSON.stringify(run));
        if (next !== undefined) context.note(next);
      }
    });
}

const nextLine = (page: { options: FilterOptions; limit: string | undefined; after: string }): string =>
  [
    "next: claw audit list",
    ...filterWords(page.options),
    ...(page.limit === undefined ? [] : ["--limit", page.limit]),
    ...["--after", page.after],
  ].join(" ");

function limitOf(text: string | undefined): number {
  const limit = text === undefined ? usualLimit : Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= mostLimit) return limit;
  throw new ClawError("bad_request", `--limit ${text}: write a number from 1 to ${mostLimit}`);
}
