/** The config the shipped process is measured with: agents on Telegram and Matrix, with all built-in tools. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
/** Names of the agents of most measurements. */
export const agents = ["ops", "helper", "third"] as const;
/** Each agent's own room. */
export const roomOf = (agent: string): string => `!${agent}:home.example`;
/** Its encrypted one. */
export const secretRoomOf = (agent: string, n = 0): string => `!${agent}-secret-${n}:home.example`;
/** An agent's user. */
export const userOf = (agent: string): string => `@agent_${agent}:home.example`;

/** An agent and its rooms; the first three have a bot each. */
export interface Cast {
  readonly name: string;
  readonly rooms: readonly string[];
}

/** The three, each with a plain room and an encrypted one. */
export const threeAgents: readonly Cast[] = agents.map((name) => ({ name, rooms: [roomOf(name), secretRoomOf(name)] }));

/** What outlives one start of a gateway. */
export interface Place {
  readonly databaseUrl: string;
  /** OPENCLAW_KEY. */
  readonly key: string;
  /** The public listener's. */
  readonly port: number;
  /** The homeserver's URL; undefined: no Matrix. */
  readonly homeserver: string | undefined;
  readonly cast: readonly Cast[];
}

/** A folder with openclaw.toml, and the environment its secrets are in. */
export interface Settings {
  readonly publicUrl: string;
  readonly environment: Readonly<Record<string, string>>;
  remove(): void;
}

/** Writes them for one set of stand-ins. `workers` left out: the default. */
export function writeSettings(addresses: Addresses, place: Place, workers?: number): Settings {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-bench-config-"));
  const file = join(directory, "openclaw.toml");
  cpSync(fileURLToPath(new URL("../../prompts", import.meta.url)), join(directory, "prompts"), { recursive: true });
  writeFileSync(file, toml(addresses, place, workers));
  return {
    publicUrl: `http://127.0.0.1:${place.port}`,
    environment: {
      OPENCLAW_CONFIG: file,
      OPENCLAW_KEY: place.key,
      DATABASE_URL: place.databaseUrl,
      LLM_API_KEY: "bench-llm-key",
      ...Object.fromEntries(
        bots(place).flatMap((_, n) => [
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

const bots = ({ cast }: Place): readonly Cast[] => cast.slice(0, 3);

function toml({ model, botApi }: Addresses, place: Place, workers: number | undefined): string {
  const { port, homeserver, cast } = place;
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

[rate]
principal_per_minute = 1000000
room_per_minute = 1000000
principal_runs = 1000

[groups.owners]
members = ["matrix:${matrixPerson}", ${members.join(", ")}]
agents = ["*"]
tools = ["*"]

${cast.map((agent, n) => agentToml(agent, n < 3, homeserver !== undefined)).join("\n")}

${
  homeserver === undefined
    ? ""
    : `[matrix]
homeserver = "${homeserver}"
server_name = "home.example"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
`
}
${bots(place)
  .map(
    ({ name }, n) => `[telegram.${n === 0 ? "main" : name}]
token = { env = "TELEGRAM_TOKEN_${n}" }
webhook_secret = { env = "TELEGRAM_SECRET_${n}" }
webhook_url = "${botUrl}"
agent = "${name}"
api_root = "${botApi}"
`,
  )
  .join("\n")}`;
}

const agentToml = ({ name, rooms }: Cast, telegram: boolean, matrix: boolean): string => `[agents.${name}]
description = "Measured"
backend = "main"
prompt = "prompts/${name === "helper" ? "helper" : "ops"}.md"
tools = ["*"]
telegram = ${telegram}
${matrix ? `matrix = { localpart = "agent_${name}", rooms = ${JSON.stringify(rooms)}, answer = "always", require_encryption = false }` : ""}
`;
