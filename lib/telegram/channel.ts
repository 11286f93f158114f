import { createPresence } from "../channel/presence.ts";
import { isFileBody, toFileBody } from "../channel/file-body.ts";
import type { Channel, Destination, Presence, SendOutcome } from "../channel/types.ts";
import type { Config, TelegramBot } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import type { Log } from "../log.ts";
import { callTelegram } from "./api.ts";
import { fetchTelegramFile } from "./attachment.ts";
import { isTelegramBody, renderTelegram, renderTelegramQuestion } from "./render.ts";
import { sendTelegram, type TelegramDestination } from "./send.ts";
import { sendTelegramFile, type TelegramFileBody } from "./send-file.ts";

/** Telegram shows a chat action for 5 s. */
const refreshTypingMs = 4_500;
/** Best effort: an answer must not wait long for what only decorates it. */
const decorationTimeoutMs = 3_000;
/** answerCallbackQuery: 0-200 characters. */
const maxTapAnswer = 200;

/** Telegram, by the bots of the config in force at each call. */
export function createTelegramChannel(options: { readonly config: () => Config; readonly log: Log }): Channel {
  const { config, log } = options;
  const find = (destination: Destination): { bot: TelegramBot; to: TelegramDestination } | undefined => {
    if (destination.channel !== "telegram") return undefined;
    const bot = config().telegram.get(destination.bot);
    return bot && { bot, to: destination };
  };

  return {
    name: "telegram",
    idempotentSend: false,
    render: renderTelegram,
    renderFile(file, destination, links): TelegramFileBody {
      const replyTo = destination.channel === "telegram" ? destination.replyTo : undefined;
      return { ...toFileBody(file, links), ...(replyTo !== undefined && { replyTo }) };
    },
    renderQuestion: (markdown, destination, { code }, links) =>
      renderTelegramQuestion(markdown, destination, code, links),
    async amend(destination, remoteId, body, line) {
      const found = find(destination);
      if (!found || !isTelegramBody(body)) return;
      const below = renderTelegram(line, destination)[0] ?? { text: line };
      const offset = body.text.length + 2;
      const entities = below.entities?.map((entity) => ({ ...entity, offset: entity.offset + offset })) ?? [];
      // Without reply_markup the buttons go.
      const payload = {
        chat_id: found.to.chat,
        message_id: Number(remoteId),
        text: `${body.text}\n\n${below.text}`,
        entities: [...(body.entities ?? []), ...entities],
        link_preview_options: { is_disabled: true },
      };
      const answer = await callTelegram(found.bot, "editMessageText", payload, { timeoutMs: decorationTimeoutMs });
      if (!answer.ok)
        log.debug({ bot: found.bot.name, reason: answer.failure.reason }, "telegram: a question stays as it is");
    },
    async answerTap(destination, tap, text) {
      const found = find(destination);
      if (!found) return;
      const shown = renderTelegram(text, destination)[0]?.text ?? text;
      const payload = { callback_query_id: tap, text: shown.slice(0, maxTapAnswer), show_alert: false };
      const answer = await callTelegram(found.bot, "answerCallbackQuery", payload, { timeoutMs: decorationTimeoutMs });
      if (!answer.ok)
        log.debug({ bot: found.bot.name, reason: answer.failure.reason }, "telegram: a tap was not answered");
    },
    async send({ destination, body }, signal) {
      const found = find(destination);
      if (!found) return { state: "failed", reason: `not for a bot of the config: ${nameOf(destination)}` };
      let outcome: SendOutcome;
      if (isFileBody(body)) outcome = await sendTelegramFile(found.bot, found.to, body, signal);
      else if (isTelegramBody(body)) outcome = await sendTelegram(found.bot, found.to, body, signal);
      else return { state: "failed", reason: "the stored body is not a Telegram message" };
      if (outcome.state !== "sent") log.warn({ bot: found.bot.name, ...outcome }, "telegram message not sent");
      return outcome;
    },
    present(destination) {
      const found = find(destination);
      return found ? present(found.bot, found.to) : { progress() {}, async end() {} };
    },
    async fetchAttachment(attachment, destination, limit, signal) {
      const found = find(destination);
      if (!found) throw new ClawError("channel_failed", `not for a bot of the config: ${nameOf(destination)}`);
      return fetchTelegramFile(found.bot, attachment, limit, signal);
    },
  };
}

const nameOf = (destination: Destination): string =>
  destination.channel === "telegram" ? `telegram.${destination.bot}` : destination.channel;

function present(bot: TelegramBot, to: TelegramDestination): Presence {
  const chat_id = to.chat;
  const place = { chat_id, ...(to.topic !== undefined && { message_thread_id: to.topic }) };
  const quick = { timeoutMs: decorationTimeoutMs };
  const textOf = (line: string): string => `⏳ ${line.slice(0, 200)}`;
  return createPresence<number>({
    refreshMs: refreshTypingMs,
    typing: () => callTelegram(bot, "sendChatAction", { ...place, action: "typing" }, quick),
    ...(bot.progress && {
      async show(line: string) {
        const payload = {
          ...place,
          text: textOf(line),
          disable_notification: true,
          link_preview_options: { is_disabled: true },
        };
        const answer = await callTelegram(bot, "sendMessage", payload, quick);
        return answer.ok ? answer.result.message_id : undefined;
      },
      edit: (message_id: number, line: string) =>
        callTelegram(
          bot,
          "editMessageText",
          { chat_id, message_id, text: textOf(line), link_preview_options: { is_disabled: true } },
          quick,
        ),
      remove: (message_id: number) => callTelegram(bot, "deleteMessage", { chat_id, message_id }, quick),
    }),
  });
}
