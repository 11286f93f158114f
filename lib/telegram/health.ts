import type { TelegramBot } from "../config/config.ts";
import { callTelegram } from "./api.ts";

/** How a bot is reached by Telegram, for /readyz. */
export interface BotHealth {
  readonly ok: boolean;
  readonly reason: string;
}

const keepMs = 60_000;
const timeoutMs = 4_000;

/** Asks Telegram what it knows of each bot's webhook, at most once a minute a bot. */
export function createBotHealth(): (bot: TelegramBot) => Promise<BotHealth> {
  const known = new WeakMap<TelegramBot, { readonly at: number; readonly health: BotHealth }>();
  return async (bot) => {
    const last = known.get(bot);
    if (last && Date.now() - last.at < keepMs) return last.health;
    const health = await ask(bot);
    known.set(bot, { at: Date.now(), health });
    return health;
  };
}

async function ask(bot: TelegramBot): Promise<BotHealth> {
  const answer = await callTelegram(bot, "getWebhookInfo", undefined, { timeoutMs });
  if (!answer.ok)
    return { ok: false, reason: `Telegram does not answer or refuses the token: ${answer.failure.reason}` };
  const { url, pending_update_count: waiting, last_error_date: failedAt, last_error_message: why } = answer.result;
  if (!url) return { ok: false, reason: `no webhook is set: run claw telegram set-webhook ${bot.name}` };
  const recent = failedAt !== undefined && Date.now() / 1000 - failedAt < 600;
  if (recent && waiting > 0)
    return { ok: false, reason: `Telegram cannot push (${why ?? "no reason given"}); ${waiting} updates wait` };
  return { ok: true, reason: `webhook set, ${waiting} updates wait` };
}
