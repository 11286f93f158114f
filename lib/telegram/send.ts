import type { Destination, SendOutcome } from "../channel/types.ts";
import type { TelegramBot } from "../config/config.ts";
import { callTelegram } from "./api.ts";
import type { Failure } from "./failure.ts";
import type { TelegramBody } from "./render.ts";

export type TelegramDestination = Extract<Destination, { channel: "telegram" }>;

const unreachedRetryMs = 2_000;
const defaultRetryAfterMs = 5_000;

/** Sends one message. sendMessage has no idempotency key, so what may have arrived is `unknown` and never sent again. */
export async function sendTelegram(
  bot: TelegramBot,
  destination: TelegramDestination,
  body: TelegramBody,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const payload = {
    ...placeOf(destination, body.replyTo),
    text: body.text,
    // A preview is fetched without a click: a way out for what an answer was tricked into linking to.
    link_preview_options: { is_disabled: true },
    ...(body.buttons && {
      reply_markup: { inline_keyboard: [body.buttons.map(({ text, data }) => ({ text, callback_data: data }))] },
    }),
  };
  const entities = body.entities && [...body.entities];
  let answer = await callTelegram(bot, "sendMessage", { ...payload, ...(entities && { entities }) }, { signal });
  // Better plain than not at all; a 400 says that nothing was sent.
  if (!answer.ok && entities && isAboutFormat(answer.failure))
    answer = await callTelegram(bot, "sendMessage", { ...payload, text: body.plain ?? body.text }, { signal });
  return answer.ok ? { state: "sent", remoteId: String(answer.result.message_id) } : outcomeOf(answer.failure, bot);
}

/** Where a message goes and what it answers. */
export const placeOf = (
  { chat, topic }: TelegramDestination,
  replyTo: number | undefined,
): {
  chat_id: number;
  message_thread_id?: number;
  reply_parameters?: { message_id: number; allow_sending_without_reply: true };
} => ({
  chat_id: chat,
  ...(topic !== undefined && { message_thread_id: topic }),
  ...(replyTo !== undefined && { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }),
});

const isAboutFormat = (failure: Failure): boolean =>
  failure.kind === "answered" && failure.status === 400 && /entit|parse|too long/i.test(failure.reason);

/** What a failure means for the message. */
export function outcomeOf(failure: Failure, bot: TelegramBot): SendOutcome {
  const { kind, reason } = failure;
  if (kind === "unreached") return { state: "retry", afterMs: unreachedRetryMs, reason };
  if (kind === "unanswered") return { state: "unknown", reason };
  const { status, retryAfterMs = defaultRetryAfterMs, migrateTo } = failure;
  if (status === 429) return { state: "retry", afterMs: retryAfterMs, reason };
  if (status >= 500) return { state: "unknown", reason };
  if (status === 401) return { state: "failed", reason: `${reason}: the token of telegram.${bot.name} is wrong` };
  if (migrateTo !== undefined)
    return { state: "failed", reason: `${reason}: list ${migrateTo} in telegram.${bot.name}.chats instead` };
  return { state: "failed", reason };
}
