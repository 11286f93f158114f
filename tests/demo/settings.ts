/** The demo's config: one bot, two agents, an owner and a child of the family. */
import { fileURLToPath } from "node:url";
import type { Environment } from "../../lib/config/environment.ts";
import { ClawError } from "../../lib/errors.ts";

/** The people of the demo, by numeric Telegram id. */
export const people = { owner: 1001, kid: 1002, stranger: 6666 } as const;

/** Whom a line comes from. */
export type Person = keyof typeof people;

/** A real model to be used instead of the scripted stand-in. */
export interface RealModel {
  readonly baseUrl: string;
  readonly model: string;
  readonly key: string | undefined;
}

/** Reads LLM_BASE_URL, LLM_MODEL and LLM_API_KEY; undefined without the first. Throws ClawError for a half-named model. */
export function realModel(env: Environment): RealModel | undefined {
  const baseUrl = env.get("LLM_BASE_URL") || undefined;
  const model = env.get("LLM_MODEL") || undefined;
  if (baseUrl === undefined) return undefined;
  if (model === undefined)
    throw new ClawError("config_invalid", "LLM_BASE_URL is set but LLM_MODEL is not: name the model of that endpoint");
  return { baseUrl, model, key: env.get("LLM_API_KEY") || undefined };
}

/** Where a gateway finds the prompts, keeps what is its own, and listens. */
export interface Place {
  readonly prompts: string;
  readonly dataDir: string;
  readonly public: string;
  readonly private: string;
}

/** Here, on ports chosen by the system. */
const here: Place = {
  prompts: fileURLToPath(new URL("../../prompts", import.meta.url)),
  dataDir: "data",
  public: "127.0.0.1:0",
  private: "127.0.0.1:0",
};

/** The demo's openclaw.toml. */
export const demoToml = (around: {
  readonly modelUrl: string;
  readonly model: string;
  readonly withKey: boolean;
  readonly botApiUrl: string;
  readonly timezone: string;
  /** What the agent `ops` needs for the jobs, and their sections. */
  readonly jobTools: readonly string[];
  readonly jobs: string;
  readonly place?: Place;
}): string => {
  const place = around.place ?? here;
  const prompt = (name: string): string => JSON.stringify(`${place.prompts}/${name}`);
  return `
timezone = ${JSON.stringify(around.timezone)}
data_dir = ${JSON.stringify(place.dataDir)}

[listen]
public = ${JSON.stringify(place.public)}
private = ${JSON.stringify(place.private)}
token = { env = "OPENCLAW_TOKEN" }

[backends.main]
base_url = ${JSON.stringify(around.modelUrl)}
model = ${JSON.stringify(around.model)}
${around.withKey ? 'api_key = { env = "LLM_API_KEY" }' : ""}

[groups.owners]
members = ["telegram:${people.owner}"]
agents = ["*"]
tools = ["*"]

[groups.family]
members = ["telegram:${people.kid}"]
agents = ["helper"]
tools = ["time_now", "commitments_*"]
deny = ["commitments_complete"]

[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = ${prompt("ops.md")}
tools = ${JSON.stringify(["time_now", "commitments_*", "history_search", ...around.jobTools])}
telegram = true

[agents.helper]
description = "Helps the family keep its promises"
backend = "main"
prompt = ${prompt("helper.md")}
tools = ["time_now", "commitments_*"]
telegram = true

[telegram.demo]
token = { env = "TELEGRAM_TOKEN" }
webhook_secret = { env = "TELEGRAM_WEBHOOK_SECRET" }
agent = "ops"
api_root = ${JSON.stringify(around.botApiUrl)}
${around.jobs}`;
};
