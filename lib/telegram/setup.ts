import type { TelegramBot } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { type Answer, callTelegram } from "./api.ts";

/** The updates a bot subscribes to; reactions come only when they are named. */
export const allowedUpdates = [
  "message",
  "edited_message",
  "callback_query",
  "message_reaction",
  "my_chat_member",
] as const;

/** What Telegram's menu offers in a chat with the bot. */
export const menu = [
  { command: "help", description: "What this bot can do" },
  { command: "agents", description: "Who you can talk to" },
  { command: "agent", description: "Talk to another agent: /agent NAME" },
  { command: "new", description: "Begin a new conversation" },
  { command: "status", description: "What is going on" },
  { command: "jobs", description: "What is scheduled for you" },
  { command: "stop", description: "Stop the run at work" },
] as const;

/** Points Telegram at the bot's webhook_url and sets the menu; returns that URL. Throws ClawError with a remedy. */
export async function setWebhook(bot: TelegramBot): Promise<string> {
  const url = bot.webhook_url;
  if (url === undefined)
    throw new ClawError(
      "config_invalid",
      `telegram.${bot.name}.webhook_url is not set: give the public https URL that leads to /telegram/${bot.name}`,
    );
  // A Bot API of one's own may push to plain http, Telegram's may not.
  if (!url.startsWith("https:") && bot.api_root === "https://api.telegram.org")
    throw new ClawError("config_invalid", `telegram.${bot.name}.webhook_url must begin with https://, not ${url}`);
  const webhook = {
    url,
    secret_token: bot.webhookSecret.reveal(),
    allowed_updates: [...allowedUpdates],
    drop_pending_updates: false,
    max_connections: 40,
  };
  resultOf(bot, "setWebhook", await callTelegram(bot, "setWebhook", webhook));
  resultOf(bot, "setMyCommands", await callTelegram(bot, "setMyCommands", { commands: [...menu] }));
  return url;
}

/** What Telegram knows of a bot and its webhook, in lines; those that need attention begin with "!". Throws ClawError. */
export async function describeBot(bot: TelegramBot): Promise<string[]> {
  const me = resultOf(bot, "getMe", await callTelegram(bot, "getMe", undefined));
  const hook = resultOf(bot, "getWebhookInfo", await callTelegram(bot, "getWebhookInfo", undefined));
  const lines = [
    `telegram.${bot.name}: @${me.username} (${me.id})`,
    `  groups: ${groups(me.can_join_groups, me.can_read_all_group_messages)}`,
  ];
  if (!hook.url) return [...lines, `! no webhook is set: run claw telegram set-webhook ${bot.name}`];
  lines.push(`  webhook: ${hook.url}`);
  if (bot.webhook_url !== undefined && hook.url !== bot.webhook_url)
    lines.push(`! the config says ${bot.webhook_url}: run claw telegram set-webhook ${bot.name}`);
  lines.push(`  waiting updates: ${hook.pending_update_count}`);
  const subscribed = hook.allowed_updates ?? [];
  lines.push(`  subscribed to: ${subscribed.join(", ") || "Telegram's default"}`);
  const missing = allowedUpdates.filter((kind) => !subscribed.includes(kind));
  if (missing.length > 0)
    lines.push(`! not subscribed to ${missing.join(", ")}: run claw telegram set-webhook ${bot.name}`);
  if (hook.last_error_date !== undefined) {
    const at = new Date(hook.last_error_date * 1000).toISOString();
    lines.push(`! last failed push ${at}: ${hook.last_error_message ?? "no reason given"}`);
  }
  return lines;
}

function groups(mayJoin: boolean, readsAll: boolean): string {
  if (!mayJoin) return "cannot be added to groups (@BotFather /setjoingroups changes that)";
  return readsAll
    ? "privacy mode is off: Telegram sends the bot every message; it answers when addressed"
    : "privacy mode is on: Telegram sends the bot only commands, answers to it and mentions of it";
}

function resultOf<T>(bot: TelegramBot, method: string, answer: Answer<T>): T {
  if (answer.ok) return answer.result;
  const { failure } = answer;
  const what = `telegram.${bot.name}: ${method} failed: ${failure.reason}`;
  if (failure.kind !== "answered")
    throw new ClawError("channel_failed", `${what}. Can this machine reach ${bot.api_root}?`);
  if (failure.status === 401 || failure.status === 404)
    throw new ClawError("channel_failed", `${what}. The token is wrong: @BotFather /token shows the right one.`);
  if (/secret/i.test(failure.reason))
    throw new ClawError("channel_failed", `${what}. webhook_secret must be 1-256 of A-Z a-z 0-9 _ -`);
  if (method === "setWebhook")
    throw new ClawError(
      "channel_failed",
      `${what}. webhook_url must be public https on port 443, 80, 88 or 8443, with a certificate Telegram trusts.`,
    );
  throw new ClawError("channel_failed", what);
}
