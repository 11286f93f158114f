import type { Command } from "commander";
import { type FollowedRow, followRows } from "../../lib/audit/follow.ts";
import { checkNames } from "../../lib/audit/known-names.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { shortId } from "../../lib/ledger/runs.ts";
import { localName } from "../../lib/time/wall-clock.ts";
import { type FilterOptions, filterOf, withFilters } from "./audit-filter.ts";
import { whoOf } from "./audit-table.ts";
import { asTable, writeLines } from "./audit-output.ts";
import { rowWords } from "./audit-words.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

interface FollowOptions extends FilterOptions {
  readonly json?: boolean;
  readonly table?: boolean;
}

/** Adds `claw audit follow`: rows of all runs as they are written, until Ctrl-C. */
export function addFollow(audit: Command, context: CommandContext): void {
  withFilters(
    audit
      .command("follow")
      .summary("what runs do, as they do it")
      .description(
        "Prints rows of the journals as they are written, each once, until Ctrl-C. With --since, first those since then. With --tool or --denied, those calls alone; other filters are about the run as it is at that moment.",
      ),
  )
    .option("--json", "JSON lines, also on a terminal")
    .option("--table", "lines to be read, also elsewhere")
    .action(async ({ json, table, ...options }: FollowOptions) => {
      const config = await context.loadConfig("database");
      const filter = filterOf(options, config.timezone);
      const write = asTable({ json, table })
        ? (row: FollowedRow) => followLine(row, config.timezone)
        : (row: FollowedRow) => JSON.stringify(row);
      const stop = new AbortController();
      const end = (): void => stop.abort();
      process.once("SIGINT", end).once("SIGTERM", end);
      try {
        await withDatabase(config, async (sql) => {
          await checkNames(sql, config, filter);
          await writeLines(followRows(sql, filter, { signal: stop.signal }), write);
        });
      } finally {
        process.off("SIGINT", end).off("SIGTERM", end);
      }
    });
}

const followLine = ({ runId, at, agent, columns, ...run }: FollowedRow, timezone: string): string =>
  `${localName(at, timezone)}  ${shortId(runId)}  ${agent}  ${visible(whoOf(run))}  ${rowWords(columns)}`;
