/** A machine with the project in /opt/openclaw and a config for it, between a stand-in Bot API and a scripted model. */
import { chmodSync, cpSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newKey } from "../../../lib/seal.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { freePort } from "../../support/free-port.ts";
import { type ModelServer, type Script, startModelServer } from "../../support/model-server.ts";
import { messageUpdate, person } from "../../support/telegram-updates.ts";
import { until } from "../../support/until.ts";
import { type Machine, startMachine } from "./machine.ts";

const project = join(import.meta.dirname, "../../..");
const owner = 1001;

/** What the config refers to by `{ env }`, each a canary. */
export const secrets: Readonly<Record<string, string>> = {
  OPENCLAW_KEY: newKey(),
  OPENCLAW_TOKEN: "canary-openclaw-token-0123456789abcdef",
  LLM_API_KEY: "canary-llm-api-key",
  TELEGRAM_TOKEN: "4242:canary-telegram-token",
  TELEGRAM_WEBHOOK_SECRET: "canary-webhook-secret-0123",
};

/** What it is called as a credential. */
export const credentialName = (variable: string): string => variable.toLowerCase().replaceAll("_", "-");

export interface SystemdStage {
  readonly machine: Machine;
  readonly model: ModelServer;
  readonly botApi: BotApi;
  /** Of a gateway for the system's manager, and of one for a user's, each on ports of its own. */
  config(of: "system" | "user"): string;
  /** What the owner says to it, answered by whether it was taken. */
  say(to: "system" | "user", text: string): Promise<number>;
  /** The texts that the owner was sent. */
  heard(): string[];
  /** Waits for one. */
  hears(text: RegExp): Promise<void>;
  remove(): Promise<void>;
}

/** Starts it; `probe` is the source of an own tool, machine_probe. */
export async function startSystemdStage(script: Script, probe: string): Promise<SystemdStage> {
  const ports = { system: [await freePort(), await freePort()], user: [await freePort(), await freePort()] } as const;
  const [model, botApi] = await Promise.all([startModelServer(script), startBotApi()]);
  const machine = await startMachine([`${realpathSync(join(project, "node_modules"))}:/opt/openclaw/node_modules`]);
  const app = join(machine.root, "opt/openclaw");
  for (const each of ["functions", "lib", "drizzle", "package.json", "openclaw.example.toml"])
    cpSync(join(project, each), join(app, each), { recursive: true });
  await machine.do("chown -R root: /opt/openclaw/[!n]* && useradd --create-home --shell /bin/sh ada");

  const folder = join(machine.root, "etc/openclaw");
  mkdirSync(join(folder, "tools"), { recursive: true });
  writeFileSync(join(folder, "prompt.md"), "You help with the homelab.\n");
  writeFileSync(join(folder, "tools/probe.ts"), probe);
  writeFileSync(
    join(folder, ".env"),
    Object.entries(secrets)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
    { mode: 0o600 },
  );
  chmodSync(folder, 0o755);

  const heard = (): string[] => botApi.sent(owner).map(({ text }) => text);
  return {
    machine,
    model,
    botApi,
    config: (of) => config(of, ports[of], model.url, botApi.url),
    say: async (to, text) => {
      const update = messageUpdate(person(owner), { id: owner, type: "private" }, { text });
      const webhook = `http://127.0.0.1:${ports[to][0]}/telegram/main`;
      return (await botApi.push(webhook, secrets["TELEGRAM_WEBHOOK_SECRET"] ?? "", update)).status;
    },
    heard,
    async hears(text) {
      await until(
        () => Promise.resolve(heard()),
        (texts) => texts.some((each) => text.test(each)),
      );
    },
    async remove() {
      await machine.remove();
      await Promise.all([model.stop(), botApi.stop()]);
    },
  };
}

const config = (of: string, [open, inner]: readonly [number, number], modelUrl: string, botApiUrl: string): string => `
timezone = "Europe/Berlin"
key = { env = "OPENCLAW_KEY" }
data_dir = ${of === "system" ? '"/var/lib/openclaw"' : '"data"'}
${of === "system" ? 'tools_dir = "tools"' : ""}

[listen]
public = "127.0.0.1:${open}"
private = "127.0.0.1:${inner}"
token = { env = "OPENCLAW_TOKEN" }

[backends.main]
base_url = "${modelUrl}"
api_key = { env = "LLM_API_KEY" }
model = "stand-in"

[groups.owners]
members = ["telegram:${owner}"]
agents = ["*"]
tools = ["*"]

[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "prompt.md"
tools = ["*"]
telegram = true

[telegram.main]
token = { env = "TELEGRAM_TOKEN" }
webhook_secret = { env = "TELEGRAM_WEBHOOK_SECRET" }
agent = "ops"
api_root = "${botApiUrl}"

[jobs.brief]
agent = "ops"
schedule = "0 8 * * *"
prompt = "prompt.md"
deliver = ["telegram:${owner}"]
`;
