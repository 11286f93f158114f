import { type Command, Option } from "commander";
import { findRun } from "../../lib/audit/find-run.ts";
import { readIdentityFile } from "../../lib/audit/identity-file.ts";
import { gatewayOpener, identityOpener, type RunOpener } from "../../lib/audit/open-run.ts";
import { timelineOf } from "../../lib/audit/timeline.ts";
import type { Config } from "../../lib/config/config.ts";
import type { Sql } from "../../lib/db/client.ts";
import { ClawError } from "../../lib/errors.ts";
import { createKeyring } from "../../lib/seal.ts";
import { timelineLines } from "./audit-timeline.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** How payloads are opened: by the gateway's key, by an age identity, or not at all. */
export interface OpenOptions {
  readonly identity?: string;
  readonly sealed?: boolean;
}

interface ShowOptions extends OpenOptions {
  readonly full?: boolean;
  readonly json?: boolean;
}

/** Adds `claw audit show`: one run as a timeline. */
export function addShow(audit: Command, context: CommandContext): void {
  audit
    .command("show")
    .argument("<run>", "its id, or the last 4 or more characters of it")
    .summary("one run, step by step")
    .description(
      "One run: who asked, what was offered, each step with what was decided by which rule, what was said and done, what it cost, and whether its chain is whole. What was said is opened by the gateway's key.",
    )
    .addOption(identityOption())
    .addOption(new Option("--sealed", "without what was said; no key is needed").conflicts("identity"))
    .option("--full", "texts whole, and all that the model was shown at the beginning")
    .option("--json", "everything as one JSON document")
    .action(async (text: string, { full = false, json = false, ...open }: ShowOptions) => {
      const config = await context.loadConfig(secretsFor(open));
      const timeline = await withDatabase(config, async (sql) => {
        const id = await findRun(sql, text);
        return timelineOf(sql, await openerFor(sql, config, open), id);
      });
      if (!timeline) throw new ClawError("not_found", `run ${text} has gone`);
      if (json) context.out(JSON.stringify(timeline, undefined, 2));
      else for (const line of timelineLines(timeline, { timezone: config.timezone, full })) context.out(line);
    });
}

/** `--identity`, for all who open payloads. */
export const identityOption = (): Option =>
  new Option("--identity <file>", "open what was said by this age identity instead of the gateway's key");

/** What of the config's secrets it takes. */
export const secretsFor = ({ identity, sealed = false }: OpenOptions): "resolve" | "database" =>
  sealed || identity !== undefined ? "database" : "resolve";

/** The opener that the options ask for, if any. Throws ClawError `bad_request` where the identity opens nothing. */
export const openerFor = async (
  sql: Sql,
  config: Config,
  { identity, sealed = false }: OpenOptions,
): Promise<RunOpener | undefined> => (sealed ? undefined : openerOf(sql, config, identity));

/** By the identity in this file, else by the gateway's key. Throws ClawError `bad_request` where the identity opens nothing. */
export const openerOf = async (sql: Sql, config: Config, identity: string | undefined): Promise<RunOpener> =>
  identity === undefined
    ? gatewayOpener(sql, createKeyring(config.key.reveal()))
    : identityOpener(sql, readIdentityFile(identity));
