import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Config } from "../../../lib/config/config.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/problem.ts";
import type { ToolFacts } from "../../../lib/config/tool-facts.ts";
import { builtinToolFacts } from "../../../lib/tools/builtin.ts";

/** The tools the tests know. */
export const tools = builtinToolFacts();

/** Values for every secret `valid` and openclaw.example.toml refer to. */
export const secrets = {
  OPENCLAW_KEY: Buffer.alloc(32, 7).toString("base64"),
  LLM_API_KEY: "canary-llm-key",
  MATRIX_AS_TOKEN: "canary-as-token",
  MATRIX_HS_TOKEN: "canary-hs-token",
  TELEGRAM_TOKEN: "111:canary-telegram-token",
  TELEGRAM_WEBHOOK_SECRET: "canary-webhook-secret",
  WIKI_AUTHORIZATION: "Bearer canary-wiki",
  DISK_TOKEN: "canary-disk",
  OPENCLAW_TOKEN: "canary-token-of-32-characters-and-more",
  ALERTS_TOKEN: "canary-alerts",
  ALERTS_PASSWORD: "canary-alerts-password",
  CALDAV_PASSWORD: "canary-caldav",
  MINIFLUX_TOKEN: "canary-miniflux",
  PLANE_TOKEN: "canary-plane",
};

/** A small config that loads. */
export const valid = `
[backends.main]
base_url = "https://llm.example/v1"
api_key = { env = "LLM_API_KEY" }
model = "some-model"

[groups.owners]
members = ["matrix:@me:home.example", "telegram:123456789"]
agents = ["*"]
tools = ["*"]

[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "ops.md"
tools = ["commitments_*"]
telegram = true
matrix = { localpart = "agent_ops" }

[matrix]
homeserver = "http://127.0.0.1:8008"
server_name = "home.example"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }

[telegram.home]
token = { env = "TELEGRAM_TOKEN" }
webhook_secret = { env = "TELEGRAM_WEBHOOK_SECRET" }
agent = "ops"
`;

/** A directory of its own with openclaw.toml and ops.md in it, removed after the test. */
export function configDirectory(t: TestContext, toml: string): { directory: string; file: string } {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "openclaw.toml");
  writeFileSync(file, toml);
  writeFileSync(join(directory, "ops.md"), "You watch the homelab.\n");
  return { directory, file };
}

/** Loads a config from text, with every secret set unless `env` says otherwise. */
export function load(
  t: TestContext,
  toml: string,
  env: Record<string, string | undefined> = {},
  known: readonly ToolFacts[] = tools,
): Config {
  const { file } = configDirectory(t, toml);
  return loadConfig(file, { env: new Environment({ ...secrets, ...env }), tools: known });
}

/** The problems of a config that must not load, as `key: problem; fix`. */
export function problemsOf(
  t: TestContext,
  toml: string,
  env: Record<string, string | undefined> = {},
  known: readonly ToolFacts[] = tools,
): string[] {
  try {
    load(t, toml, env, known);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return thrown.problems.map(({ key, problem, fix }) => `${key}: ${problem}; ${fix}`);
  }
  throw new Error("the config was taken");
}
