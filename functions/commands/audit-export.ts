import type { Command } from "commander";
import { exportRuns } from "../../lib/audit/export.ts";
import { checkNames } from "../../lib/audit/known-names.ts";
import { type FilterOptions, filterOf, withFilters } from "./audit-filter.ts";
import { writeLines } from "./audit-output.ts";
import { identityOption, openerFor, secretsFor } from "./audit-show.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

interface ExportOptions extends FilterOptions {
  readonly open?: boolean;
  readonly identity?: string;
}

/** Adds `claw audit export`: runs with their rows as JSON lines. */
export function addExport(audit: Command, context: CommandContext): void {
  withFilters(
    audit
      .command("export")
      .summary("runs with all of their rows, as JSON lines")
      .description(
        "A JSON object a run, newest first, with its rows, hashes included; a last line counts them. Payloads stay sealed (base64) unless they are opened.",
      ),
  )
    .option("--open", "with what was said, opened by the gateway's key")
    .addOption(identityOption())
    .action(async ({ open = false, identity, ...options }: ExportOptions) => {
      const how = { sealed: !open && identity === undefined, ...(identity !== undefined && { identity }) };
      const config = await context.loadConfig(secretsFor(how));
      const filter = filterOf(options, config.timezone);
      await withDatabase(config, async (sql) => {
        await checkNames(sql, config, filter);
        await writeLines(exportRuns(sql, filter, await openerFor(sql, config, how)), (line) => JSON.stringify(line));
      });
    });
}
