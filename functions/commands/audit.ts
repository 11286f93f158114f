import type { Command } from "commander";
import { addCosts } from "./audit-costs.ts";
import { addErase } from "./audit-erase.ts";
import { addExport } from "./audit-export.ts";
import { addFollow } from "./audit-follow.ts";
import { addList } from "./audit-list.ts";
import { addShow } from "./audit-show.ts";
import { addVerify } from "./audit-verify.ts";
import type { CommandContext } from "./context.ts";

/** Adds `claw audit`: what agents did, read and checked. */
export function register(program: Command, context: CommandContext): void {
  const audit = program
    .command("audit")
    .summary("read and check the audit trail")
    .description(
      "What every run did, on the database of the gateway. The columns are PostgreSQL's own too: docs/audit.md has queries.",
    );
  addList(audit, context);
  addShow(audit, context);
  addFollow(audit, context);
  addExport(audit, context);
  addCosts(audit, context);
  addVerify(audit, context);
  addErase(audit, context);
}
