import type { Agent, Config, Group, TelegramBot } from "../../../lib/config/config.ts";
import { configSchema } from "../../../lib/config/schema.ts";
import { Secret } from "../../../lib/config/secret.ts";
import type { Inbox, InboxEntry } from "../../../lib/ledger/inbox.ts";
import { createLog, type Log } from "../../../lib/log.ts";
import type { BotIdentity, Identify } from "../../../lib/telegram/identity.ts";

export const token = "4242:canary-token_of-the-bot";
export const secret = "webhook-secret_1";
export const me: BotIdentity = { id: 4242, username: "Claw_Test_Bot" };
/** A Telegram that has told who the bot is. */
export const identified: Identify = { now: () => me, within: async () => me };
export const owner = 111;
export const stranger = 999;
export const group = -1001;
export const unlisted = -1002;

/** A bot as the config holds it. */
export function testBot(more: Partial<TelegramBot> = {}): TelegramBot {
  return {
    name: "main",
    token: new Secret(token),
    webhookSecret: new Secret(secret),
    previousWebhookSecret: undefined,
    agent: "ops",
    chats: [group],
    progress: true,
    api_root: "http://127.0.0.1:1",
    ...more,
  };
}

/** One owner, one agent, one bot; `more` are further groups. */
export function testConfig(bot: TelegramBot = testBot(), more: object = {}): Config {
  const raw = configSchema.parse({
    backends: {},
    groups: { owners: { members: [`telegram:${owner}`], agents: ["*"] }, ...more },
    agents: { ops: { description: "Ops", backend: "main", prompt: "ops.md", telegram: true } },
  });
  const agents = Object.entries(raw.agents).map(([name, agent]): [string, Agent] => [
    name,
    { ...agent, name, prompt: "", promptHash: "" },
  ]);
  const groups = Object.entries(raw.groups).map(([name, settings]): [string, Group] => [name, { ...settings, name }]);
  const part: Partial<Config> = {
    file: "openclaw.toml",
    agents: new Map(agents),
    groups: new Map(groups),
    rooms: new Map(),
    telegram: new Map([[bot.name, bot]]),
  };
  return part as Config;
}

/** An inbox in memory that keeps its promise: a source is accepted once. */
export class MemoryInbox implements Inbox {
  readonly entries = new Map<string, InboxEntry>();
  broken = false;

  async accept(entries: readonly InboxEntry[]): Promise<ReadonlySet<string>> {
    if (this.broken) throw new Error("no database");
    const fresh = entries.filter((entry) => !this.entries.has(entry.source));
    for (const entry of fresh) this.entries.set(entry.source, entry);
    return new Set(fresh.map((entry) => entry.source));
  }

  get only(): InboxEntry {
    const [entry] = this.entries.values();
    if (!entry || this.entries.size !== 1) throw new Error(`${this.entries.size} entries`);
    return entry;
  }
}

/** A log whose lines are kept. */
export function memoryLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: createLog("trace", { write: (line: string) => void lines.push(line) }), lines };
}
