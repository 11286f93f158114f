import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { createAuditKeys } from "../../lib/audit/audit-keys.ts";
import { compare, type Comparison } from "../../lib/audit/replay/compare.ts";
import { estimateOf } from "../../lib/audit/replay/estimate.ts";
import { findRun } from "../../lib/audit/find-run.ts";
import { chooseRuns } from "../../lib/audit/replay/choose.ts";
import { readRecording } from "../../lib/audit/replay/recording.ts";
import { renderComparison, renderSummary } from "../../lib/audit/replay/render.ts";
import { replay, type ReplayDeps } from "../../lib/audit/replay/replay.ts";
import { summarize } from "../../lib/audit/replay/summary.ts";
import type { Config } from "../../lib/config/config.ts";
import { suggest } from "../../lib/config/nearest.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { runningDatabase } from "../../lib/db/database.ts";
import type { Sql } from "../../lib/db/client.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { createBackends } from "../../lib/llm/backends.ts";
import { createLog } from "../../lib/log.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { Locks } from "../../lib/queue/locks.ts";
import { checkKey } from "../../lib/keys/check-key.ts";
import { createKeyring } from "../../lib/seal.ts";
import { jobFunctions } from "../agents/index.ts";
import { asked } from "./ask.ts";
import { timeOf } from "./audit-filter.ts";
import { identityOption, openerOf } from "./audit-show.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { withDatabase } from "./database.ts";
import { toolsForFacts } from "./tool-facts.ts";

interface Options {
  readonly since?: string;
  readonly agent?: string;
  readonly limit: string;
  readonly backend?: string;
  readonly prompt?: string;
  readonly identity?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** Adds `claw replay`: recorded runs, run again on another model or prompt and compared. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("replay")
    .argument("[run]", "a run's id, whole or its last eight characters")
    .summary("run recorded runs again on another model or prompt, touching nothing")
    .description(
      "Runs what was recorded again: the same input and tool results, decisions by the config of now, and a model that really answers and is paid for. No tool is run and nothing is sent; the replay is a run of its own in the journal. Prints what differs.",
    )
    .option("--since <when>", "instead of one run, those since: 7d, 12h, or an instant as 2026-11-24T08:00Z")
    .option("--agent <name>", "with --since: of this agent alone")
    .option("--limit <count>", "with --since: the latest so many", "20")
    .option("--backend <name>", "a name from [backends.<name>] (default: the agent's own)")
    .option("--prompt <file>", "in the place of the agent's prompt")
    .addOption(identityOption())
    .option("--json", "one JSON object")
    .option("--yes", "with --since: without asking")
    .action(async (run: string | undefined, options: Options) => {
      const config = await context.loadConfig();
      checkNames(config, options);
      const prompt = options.prompt === undefined ? undefined : promptIn(options.prompt);
      await withDatabase(config, async (sql) => {
        const ids = await runsOf(context, config, sql, run, options);
        if (ids.length > 0) await replayAll(context, config, sql, ids, options, prompt);
      });
    });
}

function checkNames({ agents, backends }: Config, { agent, backend }: Options): void {
  const unknown = (what: string, name: string, all: Iterable<string>): ClawError =>
    new ClawError("not_found", `there is no ${what} "${visible(name)}"; ${suggest(name, `${what}s`, [...all])}`);
  if (agent !== undefined && !agents.has(agent)) throw unknown("agent", agent, agents.keys());
  if (backend !== undefined && !backends.has(backend)) throw unknown("backend", backend, backends.keys());
}

function promptIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new ClawError("bad_request", `--prompt ${file}: it cannot be read (${messageOf(cause)})`, { cause });
  }
  if (text === "") throw new ClawError("bad_request", `--prompt ${file}: it is empty`);
  return text;
}

/** Which runs are replayed; none where the operator says no, or nothing fits. */
async function runsOf(
  { note }: CommandContext,
  config: Config,
  sql: Sql,
  run: string | undefined,
  { since, agent, limit, backend, yes = false }: Options,
): Promise<string[]> {
  if ((run === undefined) === (since === undefined))
    throw new ClawError("bad_request", "give a run's id, or --since, and not both");
  if (run !== undefined) return [await findRun(sql, run)];
  const chosen = await chooseRuns(sql, {
    since: timeOf("--since", since ?? "", config.timezone),
    agent,
    limit: limitOf(limit),
  });
  if (chosen.length === 0) {
    note("No run in which a model was asked fits.");
    return [];
  }
  note(await estimateOf(config, chosen, backend));
  return yes || (await asked("Replay them?")) ? chosen.map(({ id }) => id) : [];
}

const mostRuns = 1_000;

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= mostRuns) return limit;
  throw new ClawError("bad_request", `--limit ${visible(text)}: write a number from 1 to ${mostRuns}`);
}

async function replayAll(
  context: CommandContext,
  config: Config,
  sql: Sql,
  ids: readonly string[],
  { backend, identity, json = false }: Options,
  prompt: string | undefined,
): Promise<void> {
  const log = createLog("silent");
  const locks = new Locks(await runningDatabase(config), log);
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once("SIGINT", interrupted);
  try {
    const lane = `replay:${locks.worker}`;
    await locks.announce(lane);
    const audit = createAuditKeys({ sql, log });
    await audit.use(config.audit.recipient);
    const sealing = createKeyring(config.key.reveal());
    await checkKey(sql, sealing);
    const keyring = { ...sealing, audit };
    const deps: ReplayDeps = {
      ...{
        sql,
        config,
        keyring,
        lane,
        backends: createBackends({ log, metrics: createMetrics() }),
        clock: () => performance.now(),
      },
      tools: await toolsForFacts(config, context.configFile(), sql),
      ownTools: ({ function: name }) => jobFunctions.get(name)?.own ?? [],
    };
    const opener = await openerOf(sql, config, identity);
    const comparisons: Comparison[] = [];
    const skipped: { run: string; reason: string }[] = [];
    for (const id of ids) {
      if (stop.signal.aborted) break;
      const done = await attempt(async () => {
        const recording = await readRecording(sql, opener, id);
        return compare(recording, await replay(deps, recording, { backend, prompt, signal: stop.signal }));
      }, ids.length > 1);
      if ("reason" in done) {
        skipped.push({ run: id, reason: done.reason });
        continue;
      }
      comparisons.push(done);
      if (!json) for (const line of [...renderComparison(done, process.stdout.columns ?? 80), ""]) context.out(line);
    }
    const summary = summarize(comparisons, skipped);
    if (json) context.out(JSON.stringify({ comparisons, summary }, undefined, 2));
    else if (ids.length > 1) for (const line of renderSummary(summary)) context.out(line);
    if (stop.signal.aborted) throw new ExitCode(130);
  } finally {
    process.off("SIGINT", interrupted);
    await locks.close();
  }
}

/** Among many, a run that cannot be replayed is told at the end; the others are. */
async function attempt<Of extends object>(
  work: () => Promise<Of>,
  among: boolean,
): Promise<Of | { readonly reason: string }> {
  try {
    return await work();
  } catch (thrown) {
    if (!among || !(thrown instanceof ClawError)) throw thrown;
    return { reason: thrown.message };
  }
}
