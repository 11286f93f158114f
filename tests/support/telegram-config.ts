/**
 * A config with one Telegram bot, two agents and two people, who write as fast as tests do; the parts that tests vary are
 * parameters. It has no progress line: on a busy machine one would come between an agent's answers.
 */
/** The group the bot answers in. */
export const group = -100500;
export const owner = 1001;
export const kid = 1002;
export const stranger = 6666;

export const telegramConfig = (around: {
  modelUrl: string;
  botApiUrl: string;
  backend?: string;
  agent?: string;
  top?: string;
}): string => `
timezone = "Europe/Berlin"
${around.top ?? ""}

[backends.main]
base_url = "${around.modelUrl}"
api_key = { env = "LLM_API_KEY" }
model = "stand-in"
retries = 0
${around.backend ?? ""}

[rate]
principal_per_minute = 1000
room_per_minute = 1000

[groups.owners]
members = ["telegram:${owner}"]
agents = ["*"]
tools = ["*"]

[groups.family]
members = ["telegram:${kid}"]
agents = ["helper"]
tools = ["time_*"]

[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "prompt.md"
tools = ["time_now", "commitments_*", "history_search"]
telegram = true
${around.agent ?? ""}

[agents.helper]
description = "Helps everybody"
backend = "main"
prompt = "prompt.md"
tools = ["*"]
telegram = true

[telegram.main]
token = { env = "TELEGRAM_TOKEN" }
webhook_secret = { env = "TELEGRAM_SECRET" }
agent = "ops"
progress = false
chats = [${group}]
api_root = "${around.botApiUrl}"
`;
