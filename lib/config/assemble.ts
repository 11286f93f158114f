import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { Principal } from "../channel/types.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Agent, Backend, Config, Group, Job, MatrixConfig, TelegramBot } from "./config.ts";
import type { Environment } from "./environment.ts";
import { type McpServer, mcpServerOf } from "./mcp.ts";
import type { Prompt } from "./prompts.ts";
import type { JobSettings, MatrixSettings, RawConfig, TelegramSettings } from "./schema.ts";
import { Secret } from "./secret.ts";
import type { Secrets } from "./secrets.ts";
import { servicesOf } from "./services.ts";
import type { ToolFacts } from "./tool-facts.ts";

/** Makes the config of its checked parts. `file` is absolute; `tools` are those there are. */
export function assemble(
  file: string,
  raw: RawConfig,
  secrets: Secrets,
  prompts: ReadonlyMap<string, Prompt>,
  env: Environment,
  tools: readonly ToolFacts[] = [],
): Config {
  const secret = secretIn(secrets);
  const databaseUrl = env.databaseUrl === undefined ? undefined : new Secret(env.databaseUrl);
  return {
    file,
    policyHash: policyHash(raw, tools),
    timezone: raw.timezone,
    operator: raw.operator,
    key: secret("key"),
    dataDir: resolve(dirname(file), raw.data_dir),
    listen: { public: raw.listen.public, private: raw.listen.private },
    database: {
      url: secrets.get("database.url") ?? databaseUrl,
      ownerUrl: secrets.get("database.owner_url"),
      pool: raw.database.pool,
    },
    workers: raw.workers,
    logLevel: raw.log_level,
    media: raw.media,
    tools: raw.tools,
    approvals: raw.approvals,
    budget: raw.budget,
    rate: raw.rate,
    audit: {
      ...raw.audit,
      checkpoint_file:
        raw.audit.checkpoint_file === undefined
          ? resolve(dirname(file), raw.data_dir, "checkpoints.jsonl")
          : resolve(dirname(file), raw.audit.checkpoint_file),
    },
    drift: raw.drift,
    ops: raw.ops,
    backends: mapOf(raw.backends, ({ api_key: _, ...settings }, name): Backend => {
      return { ...settings, name, apiKey: secrets.get(`backends.${name}.api_key`) };
    }),
    groups: mapOf(raw.groups, (settings, name): Group => ({ ...settings, name })),
    rooms: new Map(Object.entries(raw.rooms)),
    agents: mapOf(raw.agents, (settings, name): Agent => {
      const { text, hash } = present(prompts.get(`agents.${name}`), `agents.${name}.prompt`);
      return { ...settings, name, prompt: text, promptHash: hash };
    }),
    matrix: raw.matrix && matrixOf(raw.matrix, secrets),
    telegram: mapOf(raw.telegram, (settings, name): TelegramBot => telegramOf(settings, name, secrets)),
    token: secrets.get("listen.token"),
    previousToken: secrets.get("listen.previous_token"),
    scheduler: raw.scheduler,
    jobs: mapOf(raw.jobs, (settings, name): Job => jobOf(raw, settings, name, prompts)),
    services: servicesOf(raw.tools, (key) => secrets.get(key)),
    toolsDir: raw.tools_dir === undefined ? undefined : resolve(dirname(file), raw.tools_dir),
    mcp: mapOf(raw.mcp, (settings, name): McpServer => mcpServerOf(name, settings, secret, env)),
    toolFacts: tools,
  };
}

function jobOf(raw: RawConfig, settings: JobSettings, name: string, prompts: ReadonlyMap<string, Prompt>): Job {
  const own = prompts.get(`jobs.${name}`);
  const agent = present(prompts.get(`agents.${settings.agent}`), `agents.${settings.agent}.prompt`);
  // What a model is told in a job is both.
  const promptHash = own ? createHash("sha256").update(`${agent.hash} ${own.hash}`).digest("hex") : agent.hash;
  const timezone = settings.timezone ?? raw.timezone;
  return { ...settings, name, timezone, for: settings.for as Principal | undefined, prompt: own?.text, promptHash };
}

const secretIn =
  (secrets: Secrets) =>
  (key: string): Secret =>
    present(secrets.get(key), key);

function matrixOf(raw: MatrixSettings, secrets: Secrets): MatrixConfig {
  const { as_token: _, hs_token: __, previous_as_token: ___, previous_hs_token: ____, ...settings } = raw;
  const secret = secretIn(secrets);
  return {
    ...settings,
    asToken: secret("matrix.as_token"),
    hsToken: secret("matrix.hs_token"),
    previousAsToken: secrets.get("matrix.previous_as_token"),
    previousHsToken: secrets.get("matrix.previous_hs_token"),
  };
}

function telegramOf(raw: TelegramSettings, name: string, secrets: Secrets): TelegramBot {
  const { token: _, webhook_secret: __, previous_webhook_secret: ___, ...settings } = raw;
  const secret = secretIn(secrets);
  return {
    ...settings,
    name,
    token: secret(`telegram.${name}.token`),
    webhookSecret: secret(`telegram.${name}.webhook_secret`),
    previousWebhookSecret: secrets.get(`telegram.${name}.previous_webhook_secret`),
  };
}

function present<Value>(value: Value | undefined, key: string): Value {
  if (value === undefined) throw new Error(`${key} passed the checks but was not read`);
  return value;
}

const mapOf = <Settings, Made>(
  record: Readonly<Record<string, Settings>>,
  make: (settings: Settings, name: string) => Made,
): ReadonlyMap<string, Made> => new Map(Object.entries(record).map(([name, settings]) => [name, make(settings, name)]));

/** The sections a decision may depend on. */
const deciding: ReadonlySet<string> = new Set([
  "groups",
  "rooms",
  "agents",
  "tools",
  "approvals",
  "budget",
  "mcp",
  "jobs",
]);

function policyHash(raw: RawConfig, tools: readonly ToolFacts[]): string {
  const sections = Object.fromEntries(Object.entries(raw).filter(([key]) => deciding.has(key)));
  const labels = Object.fromEntries(tools.map((tool) => [tool.name, [...tool.labels].sort()]));
  return createHash("sha256").update(canonicalJson({ sections, labels })).digest("hex");
}
