import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Config, TelegramBot } from "../lib/config/config.ts";
import type { Inbox, InboxEntry } from "../lib/ledger/inbox.ts";
import type { Log } from "../lib/log.ts";
import { type Decoded, decodeUpdate } from "../lib/telegram/decode.ts";
import type { Denial } from "../lib/telegram/denial.ts";
import { type BotIdentity, createIdentify, type Identify } from "../lib/telegram/identity.ts";
import { readLimited } from "../lib/http/read-limited.ts";
import { OncePer } from "../lib/rate-limit.ts";
import { isSecret } from "../lib/same-secret.ts";

export interface TelegramFunctionOptions {
  /** Read on each request, so that a rotated secret stops working at once. */
  readonly config: () => Config;
  readonly inbox: Inbox;
  readonly log: Log;
  /** Who a bot is; by default Telegram is asked, the first time when the function is made. */
  readonly identify?: Identify;
  /** Called once for each newly recorded message of a stranger in a private chat; neither awaited nor able to fail. */
  readonly onDenied?: (denial: Denial) => Promise<void>;
}

const secretHeader = "x-telegram-bot-api-secret-token";
const maxBodyBytes = 1024 * 1024;
const wrongSecretLogMs = 10_000;
const leftOutLogMs = 60_000;
const usernameWaitMs = 2_000;

/**
 * `POST /telegram/:bot`, the webhook. The order is the security: known bot, secret, size, and only then the body. 200 says
 * that the update is committed; Telegram repeats on everything else.
 */
export function createTelegramFunction(options: TelegramFunctionOptions): Hono {
  const { inbox, log, identify = createIdentify(log), onDenied } = options;
  const leftOutLines = new OncePer(leftOutLogMs);
  for (const bot of options.config().telegram.values()) identify.now(bot);

  let wrongSecretLoggedAt = -Infinity;

  /** Seldom enough that an attacker cannot fill the log. */
  const reportWrongSecret = (bot: TelegramBot): void => {
    if (performance.now() - wrongSecretLoggedAt < wrongSecretLogMs) return;
    wrongSecretLoggedAt = performance.now();
    log.warn(
      { bot: bot.name },
      "telegram push with a wrong secret refused; if it is Telegram's, run set-webhook again",
    );
  };

  /** What was not let in is worth a line: from it an operator takes the id of a person or group to be added. */
  const report = ({ source, lane, principal, state, reason }: InboxEntry): void => {
    if ((state === "denied" || state === "refused") && leftOutLines.allows(`${principal} ${lane}`))
      log.info({ source, lane, principal, reason }, `telegram message ${state}`);
    else if (state === "poison") log.warn({ source, reason }, "telegram update cannot be understood");
  };

  const deny = async (denial: Denial): Promise<void> => {
    try {
      await onDenied?.(denial);
    } catch (error) {
      log.warn({ err: error, bot: denial.bot }, "telegram denial was not sent");
    }
  };

  const receive = async (context: Context): Promise<Response> => {
    const config = options.config();
    const bot = config.telegram.get(context.req.param("bot") ?? "");
    if (!bot) return context.body(null, 404);
    if (!isSecret(context.req.header(secretHeader), bot.webhookSecret, bot.previousWebhookSecret)) {
      reportWrongSecret(bot);
      return context.body(null, 401);
    }
    let text: string;
    try {
      const bytes = await readLimited(context.req.raw, maxBodyBytes);
      if (!bytes) return context.body(null, 413);
      text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    } catch {
      // The sender went away in the middle of it.
      return context.body(null, 400);
    }
    let decoded = decode(bot, config, identify.now(bot), text);
    if (decoded.needsUsername) decoded = decode(bot, config, await identify.within(bot, usernameWaitMs), text);
    // Still not to be judged: Telegram keeps it for us.
    if (decoded.needsUsername) return context.body(null, 503);
    const { entry, denial } = decoded;
    try {
      const accepted = await inbox.accept([entry]);
      if (!accepted.has(entry.source)) return context.body(null, 200);
    } catch (error) {
      log.error({ err: error, bot: bot.name, source: entry.source }, "telegram update was not committed");
      return context.body(null, 500);
    }
    report(entry);
    if (denial) void deny(denial);
    return context.body(null, 200);
  };

  return new Hono().post("/telegram/:bot", receive);
}

/** Authentic, whatever it is: what cannot be understood is recorded too, since a refusal would bring it back for ever. */
function decode(bot: TelegramBot, config: Config, me: BotIdentity, text: string): Decoded {
  let reason = "an update without an update_id";
  try {
    const decoded = decodeUpdate(bot, me, config, JSON.parse(text));
    if (decoded) return decoded;
  } catch (error) {
    reason = error instanceof SyntaxError ? "not JSON" : `cannot be decoded: ${(error as Error).name}`;
  }
  const digest = createHash("sha256").update(text).digest("hex");
  return {
    entry: {
      source: `telegram:${bot.name}:unreadable:${digest}`,
      channel: "telegram",
      lane: `telegram:${bot.name}`,
      kind: "other",
      state: "poison",
      reason,
    },
  };
}
