import { setTimeout as sleep } from "node:timers/promises";
import type { TelegramBot } from "../config/config.ts";
import type { Log } from "../log.ts";
import { OncePer } from "../rate-limit.ts";
import { callTelegram } from "./api.ts";

/** Who a bot is on Telegram. The username is missing until Telegram has told it. */
export interface BotIdentity {
  readonly id: number;
  readonly username?: string;
}

/** Tells a bot's identity. */
export interface Identify {
  /** At once, from what is known so far; what is not known is asked in the background. */
  now(bot: TelegramBot): BotIdentity;
  /** With the username, if Telegram tells it within `ms`. */
  within(bot: TelegramBot, ms: number): Promise<BotIdentity>;
}

interface Known {
  readonly identity: BotIdentity;
  readonly askAgainAt: number;
  /** The question last asked; settles with its answer. */
  readonly asked?: Promise<void>;
}

const timeoutMs = 4_000;
const retryAfterMs = 5_000;
// A bot can be renamed.
const refreshAfterMs = 24 * 60 * 60_000;

/** The part of a token before the colon is the bot's id. */
export const botId = (bot: TelegramBot): number => Number(bot.token.reveal().split(":", 1)[0]);

/** Asks Telegram for usernames, once a day, after a failure again 5 s later at the earliest. */
export function createIdentify(log: Log): Identify {
  const known = new Map<string, Known>();
  const failureLines = new OncePer(60_000);

  const ask = async (bot: TelegramBot, key: string): Promise<void> => {
    const answer = await callTelegram(bot, "getMe", undefined, { timeoutMs });
    if (answer.ok)
      known.set(key, {
        identity: { id: answer.result.id, username: answer.result.username },
        askAgainAt: Date.now() + refreshAfterMs,
      });
    else if (failureLines.allows(bot.name))
      log.warn({ bot: bot.name, reason: answer.failure.reason }, "telegram did not tell the bot's username");
  };

  const look = (bot: TelegramBot): Known => {
    const key = `${bot.api_root} ${bot.token.reveal()}`;
    const entry = known.get(key) ?? { identity: { id: botId(bot) }, askAgainAt: 0 };
    if (Date.now() < entry.askAgainAt) return entry;
    const asking = { ...entry, askAgainAt: Date.now() + retryAfterMs, asked: ask(bot, key) };
    known.set(key, asking);
    return asking;
  };

  return {
    now: (bot) => look(bot).identity,
    async within(bot, ms) {
      const { identity, asked } = look(bot);
      if (identity.username !== undefined) return identity;
      await Promise.race([asked, sleep(ms, undefined, { ref: false })]);
      return look(bot).identity;
    },
  };
}
