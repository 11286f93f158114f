/** The config the shipped process is measured with: three agents, each on Telegram and Matrix, with all built-in tools. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newKey } from "../../lib/seal.ts";
import type { Addresses } from "./protocol.ts";

/** The tokens the gateway and the homeserver show each other. */
export const matrixTokens = { asToken: "bench-as-token-0123456789", hsToken: "bench-hs-token-0123456789" };
/** What Telegram shows the first bot's webhook. */
export const webhookSecret = "bench_webhook_secret_0123";
/** Where the bots' webhooks are said to be. */
export const botUrl = "https://claw.home.example/telegram/main";

/** Person `n` (from 0) as Telegram knows them. */
export const personId = (n: number): number => 10_000 + n;
/** All of them may talk to every agent. */
export const people = 200;
/** The person who speaks on Matrix. */
export const matrixPerson = "@me:home.example";
/** Agents' short names. */
export const agents = ["ops", "helper", "third"] as const;
/** Each agent's own room. */
export const roomOf = (agent: string): string => `!${agent}:home.example`;

/** A folder with openclaw.toml, and the environment its secrets are in. */
export interface Settings {
  readonly publicUrl: string;
  readonly environment: Readonly<Record<string, string>>;
  remove(): void;
}

/** Writes them for one set of stand-ins. `workers` left out: the default. */
export async function writeSettings(addresses: Addresses, databaseUrl: string, workers?: number): Promise<Settings> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "openclaw-bench-config-"));
  const file = join(directory, "openclaw.toml");
  cpSync(fileURLToPath(new URL("../../prompts", import.meta.url)), join(directory, "prompts"), { recursive: true });
  writeFileSync(file, toml(addresses, port, workers));
  return {
    publicUrl: `http://127.0.0.1:${port}`,
    environment: {
      OPENCLAW_CONFIG: file,
      OPENCLAW_KEY: newKey(),
      DATABASE_URL: databaseUrl,
      LLM_API_KEY: "bench-llm-key",
      ...Object.fromEntries(
        agents.flatMap((_, n) => [
          [`TELEGRAM_TOKEN_${n}`, `424${n}:bench-telegram-token-${n}`],
          [`TELEGRAM_SECRET_${n}`, n === 0 ? webhookSecret : `${webhookSecret}_${n}`],
        ]),
      ),
      MATRIX_AS_TOKEN: matrixTokens.asToken,
      MATRIX_HS_TOKEN: matrixTokens.hsToken,
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The homeserver must know it before the gateway listens. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function toml({ model, botApi, homeserver }: Addresses, port: number, workers: number | undefined): string {
  const members = Array.from({ length: people }, (_, n) => `"telegram:${personId(n)}"`);
  return `
timezone = "Europe/Berlin"
${workers === undefined ? "" : `workers = ${workers}`}

[listen]
public = "127.0.0.1:${port}"
private = "127.0.0.1:0"

[backends.main]
base_url = "${model}"
api_key = { env = "LLM_API_KEY" }
model = "stand-in"
price = { input = 0.25, cached = 0.03, output = 2.0 }

[groups.owners]
members = ["matrix:${matrixPerson}", ${members.join(", ")}]
agents = ["*"]
tools = ["*"]

${agents.map(agentToml).join("\n")}

[matrix]
homeserver = "${homeserver}"
server_name = "home.example"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }

${agents
  .map(
    (agent, n) => `[telegram.${n === 0 ? "main" : agent}]
token = { env = "TELEGRAM_TOKEN_${n}" }
webhook_secret = { env = "TELEGRAM_SECRET_${n}" }
webhook_url = "${botUrl}"
agent = "${agent}"
api_root = "${botApi}"
`,
  )
  .join("\n")}`;
}

const agentToml = (agent: string): string => `[agents.${agent}]
description = "Measured"
backend = "main"
prompt = "prompts/${agent === "helper" ? "helper" : "ops"}.md"
tools = ["*"]
telegram = true
matrix = { localpart = "agent_${agent}", rooms = ["${roomOf(agent)}"], answer = "always", require_encryption = false }
`;
