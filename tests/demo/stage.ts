/** The demo's stage: the real gateway and its PostgreSQL in a temporary directory, stand-ins around them. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway } from "../../functions/gateway.ts";
import { Environment } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import { openDatabase } from "../../lib/db/database.ts";
import { createLog } from "../../lib/log.ts";
import { newKey } from "../../lib/seal.ts";
import { builtinToolFacts } from "../../lib/tools/builtin.ts";
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { jobsToml, jobTools } from "./jobs.ts";
import { scriptFor } from "./script.ts";
import { demoToml, type RealModel } from "./settings.ts";
import { sourceKeys, type Sources, startSources } from "./sources.ts";

/** Everything that runs in the demo. */
export interface Stage {
  readonly sql: Sql;
  readonly botApi: BotApi;
  /** The scripted stand-in, undefined where a real model answers. */
  readonly standIn: ModelServer | undefined;
  readonly webhook: string;
  readonly webhookSecret: string;
  readonly publicUrl: string;
  readonly privateUrl: string;
  /** What requests for a job show. */
  readonly token: string;
  /** The stand-in services. */
  readonly sources: Sources;
  /** From nothing to ready. */
  readonly milliseconds: number;
  /** Stops all of it and removes the temporary directory. */
  close(): Promise<void>;
}

/** Starts all of it; what was begun is undone where a part cannot start. */
export async function openStage(real: RealModel | undefined): Promise<Stage> {
  const began = performance.now();
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "openclaw-demo-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const botApi = await startBotApi({ username: "openclaw_demo_bot" });
  stack.defer(() => botApi.stop());
  const standIn = real ? undefined : await startModelServer(scriptFor(() => new Date()));
  stack.defer(() => standIn?.stop());

  const sources = await startSources();
  stack.defer(() => sources.stop());

  const webhookSecret = randomBytes(16).toString("hex");
  const token = randomBytes(32).toString("hex");
  const file = join(directory, "openclaw.toml");
  const toml = demoToml({
    modelUrl: real?.baseUrl ?? standIn?.url ?? "",
    model: real?.model ?? "scripted-stand-in",
    withKey: real?.key !== undefined,
    botApiUrl: botApi.url,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    jobTools,
    jobs: jobsToml(sources),
  });
  writeFileSync(file, toml);
  const env = new Environment({
    OPENCLAW_KEY: newKey(),
    TELEGRAM_TOKEN: "4242:stand-in",
    TELEGRAM_WEBHOOK_SECRET: webhookSecret,
    LLM_API_KEY: real?.key,
    OPENCLAW_TOKEN: token,
    ...sourceKeys,
  });
  const config = loadConfig(file, { env, tools: builtinToolFacts() });

  const database = await openDatabase(config);
  stack.defer(() => database.stop());
  const sql = connect(database.url, { max: 2, name: "openclaw demo" });
  stack.defer(async () => {
    await lastConnection(sql);
    await sql.end({ timeout: 2 });
  });
  const log = createLog("warn", { write: (line) => void process.stderr.write(line) });
  const gateway = await startGateway({ config: () => config, databaseUrl: database.url, log });
  stack.defer(() => gateway.stop());

  const begun = stack.move();
  return {
    sql,
    botApi,
    standIn,
    webhook: `${gateway.publicUrl}/telegram/demo`,
    webhookSecret,
    publicUrl: gateway.publicUrl,
    privateUrl: gateway.privateUrl,
    token,
    sources,
    milliseconds: Math.round(performance.now() - began),
    close: () => begun.disposeAsync(),
  };
}

/**
 * Waits until the gateway's connections are gone. The queue's pool ends them behind its stop and hears no errors any
 * more by then: a PostgreSQL that stops first would bring the process down.
 */
async function lastConnection(sql: Sql): Promise<void> {
  for (let waited = 0; waited < 2_000; waited += 10) {
    const [others] = await sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and application_name <> 'openclaw demo'`;
    if (others?.count === 0) return;
    await sleep(10);
  }
}
