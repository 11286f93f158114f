import type { Command } from "commander";
import { linkMinutes, makeLink } from "../../lib/ledger/ops-sessions.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";
import { privateUrl } from "./private-url.ts";

/** Adds `claw ops`: the way into the ops page. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("ops")
    .summary("log in to the ops page")
    .description("The page on the private listener that shows what the agents do.")
    .command("link")
    .description(`Prints a link that logs a browser in, once, within ${linkMinutes} minutes.`)
    .action(async () => {
      const config = await context.loadConfig();
      const link = await withDatabase(config, makeLink);
      context.out(`${(config.ops.url ?? privateUrl(config)).replace(/\/+$/, "")}/ops/login?link=${link}`);
      context.note(
        `Good once, for ${linkMinutes} minutes; the login it gives lasts ${config.ops.session_hours} h. Give it to nobody.`,
      );
    });
}
