import type { TelegramBot } from "../config/config.ts";
import type { Log } from "../log.ts";
import { callTelegram } from "./api.ts";

/** Who a bot is on Telegram. The username is missing until Telegram has told it. */
export interface BotIdentity {
  readonly id: number;
  readonly username?: string;
}

/** Tells a bot's identity at once, from what is known so far. */
export type Identify = (bot: TelegramBot) => BotIdentity;

const retryAfterMs = 60_000;
// A bot can be renamed.
const refreshAfterMs = 24 * 60 * 60_000;

/** The part of a token before the colon is the bot's id. */
export const botId = (bot: TelegramBot): number => Number(bot.token.reveal().split(":", 1)[0]);

/** Asks Telegram for usernames in the background, once a day, again a minute after a failure. Never waits for it. */
export function createIdentify(log: Log): Identify {
  const known = new Map<string, { identity: BotIdentity; askAgainAt: number }>();

  const ask = async (bot: TelegramBot, key: string): Promise<void> => {
    const answer = await callTelegram(bot, "getMe", undefined);
    if (answer.ok)
      known.set(key, {
        identity: { id: answer.result.id, username: answer.result.username },
        askAgainAt: Date.now() + refreshAfterMs,
      });
    else log.warn({ bot: bot.name, reason: answer.failure.reason }, "telegram did not tell the bot's username");
  };

  return (bot) => {
    const key = `${bot.api_root} ${bot.token.reveal()}`;
    const entry = known.get(key) ?? { identity: { id: botId(bot) }, askAgainAt: 0 };
    if (Date.now() >= entry.askAgainAt) {
      known.set(key, { ...entry, askAgainAt: Date.now() + retryAfterMs });
      void ask(bot, key);
    }
    return entry.identity;
  };
}
