/** What a gateway in a container meets: its config folder, a PostgreSQL of the house, and the demo's stand-ins for everybody else. */
import { randomBytes } from "node:crypto";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../../../lib/db/client.ts";
import { startEmbedded } from "../../../lib/db/embedded.ts";
import { newKey } from "../../../lib/seal.ts";
import { jobsToml, jobTools } from "../../demo/jobs.ts";
import { scriptFor } from "../../demo/script.ts";
import { demoToml } from "../../demo/settings.ts";
import { sourceKeys, startSources } from "../../demo/sources.ts";
import type { Stage } from "../../demo/stage.ts";
import { startBotApi } from "../../support/bot-api.ts";
import { freePort } from "../../support/free-port.ts";
import { testSettings } from "../../support/global-setup.ts";
import { type ModelServer, startModelServer } from "../../support/model-server.ts";

/** Of the gateway's user in an image. */
export const containerUser = 10_001;

/** The demo's stage, its gateway still to be started from a folder. */
export interface Surroundings extends Stage {
  readonly standIn: ModelServer;
  /** To be mounted at /etc/openclaw: openclaw.toml, and .env with all secrets, for no eyes but the gateway's. */
  readonly configFolder: string;
  /** To be mounted at /var/lib/openclaw. */
  readonly stateFolder: string;
  /** Every secret that the gateway is given. */
  readonly secrets: readonly string[];
}

/** Starts them on loopback, for a gateway that shares the host's network and finds its prompts in /app. */
export async function openSurroundings(): Promise<Surroundings> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "openclaw-surroundings-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const [outer, inner, databasePort] = [await freePort(), await freePort(), await freePort()];
  const password = secret();

  const server = await startEmbedded(join(directory, "database"), {
    ...testSettings,
    listen_addresses: "127.0.0.1",
    port: String(databasePort),
  });
  stack.defer(() => server.stop());
  const databaseUrl = `postgres://openclaw:${password}@127.0.0.1:${databasePort}`;
  const admin = connect(`${databaseUrl}/postgres`, { max: 1 });
  await admin`create database openclaw`;
  await admin.end();
  const sql = connect(`${databaseUrl}/openclaw`, { max: 2, name: "openclaw demo" });
  stack.defer(() => sql.end({ timeout: 2 }));

  const botApi = await startBotApi({ username: "openclaw_demo_bot" });
  stack.defer(() => botApi.stop());
  const modelKey = secret();
  const standIn = await startModelServer(
    scriptFor(() => new Date()),
    { key: modelKey },
  );
  stack.defer(() => standIn.stop());
  const sources = await startSources();
  stack.defer(() => sources.stop());

  const [webhookSecret, token] = [secret(), secret()];
  const values = {
    OPENCLAW_KEY: newKey(),
    OPENCLAW_TOKEN: token,
    LLM_API_KEY: modelKey,
    TELEGRAM_TOKEN: `4242:${secret()}`,
    TELEGRAM_WEBHOOK_SECRET: webhookSecret,
    DATABASE_URL: `${databaseUrl}/openclaw`,
    ...sourceKeys,
  };
  const place = {
    ...{ prompts: "/app/prompts", dataDir: "/var/lib/openclaw" },
    ...{ public: `127.0.0.1:${outer}`, private: `127.0.0.1:${inner}` },
  };
  const demo = demoToml({
    ...{ modelUrl: standIn.url, model: "scripted-stand-in", withKey: true, botApiUrl: botApi.url, timezone: "UTC" },
    ...{ jobTools, jobs: jobsToml(sources), place },
  });
  const toml = demo.replace(
    "[telegram.demo]",
    '[telegram.demo]\nwebhook_url = "https://gateway.example/telegram/demo"',
  );
  const [configFolder, stateFolder] = [join(directory, "config"), join(directory, "state")];
  for (const folder of [configFolder, stateFolder]) await mkdir(folder, { mode: 0o700 });
  await writeFile(join(configFolder, "openclaw.toml"), toml);
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(configFolder, ".env"), lines.join(""), { mode: 0o600 });
  for (const path of [configFolder, stateFolder, join(configFolder, "openclaw.toml"), join(configFolder, ".env")])
    await chown(path, containerUser, containerUser);

  const begun = stack.move();
  return {
    ...{ sql, botApi, standIn, sources, webhookSecret, token, configFolder, stateFolder },
    publicUrl: `http://${place.public}`,
    privateUrl: `http://${place.private}`,
    webhook: `http://${place.public}/telegram/demo`,
    milliseconds: 0,
    secrets: [password, ...Object.values(values)],
    close: () => begun.disposeAsync(),
  };
}

const secret = (): string => randomBytes(24).toString("hex");
