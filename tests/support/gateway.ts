/** A gateway in this process, over a test database and stand-ins for what is around it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateway, startGateway } from "../../functions/gateway.ts";
import { Environment } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { ConfigHolder } from "../../lib/config/reload.ts";
import type { Sql } from "../../lib/db/client.ts";
import { createLog, type Log } from "../../lib/log.ts";
import type { Tracing } from "../../lib/trace/tracing.ts";
import { knownTools } from "../../lib/tools/own.ts";
import { newKey } from "../../lib/seal.ts";
import { createTestDatabase } from "./database.ts";

export interface TestGateway extends Gateway {
  readonly sql: Sql;
  readonly databaseUrl: string;
  readonly holder: ConfigHolder;
  /** What was logged, as JSON lines. */
  readonly log: () => string;
  /** Writes the config anew; reload by `holder.reload()`. */
  rewrite(toml: string): void;
  /** Starts a second gateway on the same database and config, as a replica. */
  replica(): Promise<Gateway>;
}

/** Secrets every test config may refer to. */
export const testEnvironment: Record<string, string> = {
  OPENCLAW_KEY: newKey(),
  OPENCLAW_TOKEN: "canary-openclaw-token-0123456789abcdef",
  LLM_API_KEY: "canary-llm-key",
  TELEGRAM_TOKEN: "4242:canary-telegram-token",
  TELEGRAM_SECRET: "canary_webhook_secret_0123",
  MATRIX_AS_TOKEN: "canary-as-token-0123456789",
  MATRIX_HS_TOKEN: "canary-hs-token-0123456789",
};

export interface TestGatewayOptions {
  readonly environment?: Record<string, string>;
  /** Lines of `[listen]` that name its token. */
  readonly token?: string | undefined;
  /** Started with the gateway. */
  readonly tracing?: ((log: Log) => Promise<Tracing>) | undefined;
  /** By whom the gateway connects, given the URL of the tables' owner. */
  readonly connect?: ((ownerUrl: string) => Promise<{ databaseUrl: string; ownerUrl?: string }>) | undefined;
}

/** Starts it with the given openclaw.toml; `[listen]` with free ports is put in front. */
export async function startTestGateway(toml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-gateway-"));
  const file = join(directory, "openclaw.toml");
  const rewrite = (text: string): void =>
    writeFileSync(
      file,
      `${text}\n[listen]\npublic = "127.0.0.1:0"\nprivate = "127.0.0.2:0"\n${options.token ?? 'token = { env = "OPENCLAW_TOKEN" }'}\n`,
    );
  rewrite(toml);
  writeFileSync(join(directory, "prompt.md"), "You help with the homelab.\n");
  const env = new Environment({ ...testEnvironment, ...options.environment });
  const { own: ownTools, facts: tools } = await knownTools(file);
  const load = () => loadConfig(file, { env, tools });
  const holder = new ConfigHolder(load(), load);
  const database = await createTestDatabase();
  const connection = (await options.connect?.(database.url)) ?? { databaseUrl: database.url };
  let lines = "";
  const log = createLog("debug", { write: (line) => void (lines += line) });
  const tracing = await options.tracing?.(log);
  const start = (): Promise<Gateway> =>
    startGateway({
      tracing,
      config: () => holder.current,
      onConfig: (listener) => holder.onChange(listener),
      ownTools,
      ...connection,
      log,
    });
  const gateway = await start();
  return {
    ...gateway,
    sql: database.sql,
    databaseUrl: database.url,
    holder,
    log: () => lines,
    rewrite,
    replica: start,
    async stop() {
      await gateway.stop();
      await database.drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
