import type { TelegramBot } from "../config/config.ts";
import { Secret } from "../config/secret.ts";
import { callTelegram } from "../telegram/api.ts";
import { lookMs, type Seen, shown } from "./look.ts";

/** Somebody who wrote to a bot in private. */
export interface Writer {
  /** Numeric, as principals have it. */
  readonly id: string;
  /** As they call themselves: anybody can write to a bot. */
  readonly name: string;
}

const officialApi = "https://api.telegram.org";

const botOf = (token: string, apiRoot = officialApi): TelegramBot => ({
  name: "home",
  token: new Secret(token),
  webhookSecret: new Secret(""),
  previousWebhookSecret: undefined,
  webhook_url: undefined,
  agent: "",
  chats: [],
  progress: false,
  api_root: apiRoot,
});

/** The bot of a token, by its username. */
export async function lookAtBot(token: string, apiRoot?: string): Promise<Seen<string>> {
  const answer = await callTelegram(botOf(token, apiRoot), "getMe", undefined, { timeoutMs: lookMs });
  if (answer.ok) return { value: answer.result.username, said: `that is @${shown(answer.result.username)}` };
  const { failure } = answer;
  if (failure.kind === "answered" && (failure.status === 401 || failure.status === 404))
    return { said: "Telegram knows no bot of this token: @BotFather's /token shows the right one", doubt: "secret" };
  return { said: `Telegram does not answer (${failure.reason}), so whose token that is stays open` };
}

/**
 * Who has lately written just this to a bot that has no webhook yet. What they wrote stays with Telegram, which pushes it once
 * there is one.
 */
export async function writersOf(text: string, token: string, apiRoot?: string): Promise<Seen<readonly Writer[]>> {
  const answer = await callTelegram(botOf(token, apiRoot), "getUpdates", { timeout: 0 }, { timeoutMs: lookMs });
  if (!answer.ok && answer.failure.kind === "answered" && answer.failure.status === 409)
    return { said: "this bot has a webhook already, so only that sees who writes" };
  if (!answer.ok) return { said: `Telegram does not answer (${answer.failure.reason})` };
  const writers = new Map<string, Writer>();
  for (const { message } of answer.result) {
    const { chat, from } = message ?? {};
    if (chat?.type !== "private" || from === undefined || from.is_bot || message?.text?.trim() !== text) continue;
    const called = [from.first_name, from.last_name, from.username && `(@${from.username})`].filter(Boolean).join(" ");
    writers.set(String(from.id), { id: String(from.id), name: shown(called) });
  }
  return { value: [...writers.values()].toReversed(), said: "" };
}
