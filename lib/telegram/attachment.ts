import type { Attachment } from "../channel/types.ts";
import type { TelegramBot } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { callTelegram } from "./api.ts";
import { exchange, TransportError } from "../http/exchange.ts";

const timeoutMs = 30_000;

/** The bytes of a file, at most `limit` of them, whatever size was claimed. Throws ClawError. */
export async function fetchTelegramFile(
  bot: TelegramBot,
  attachment: Attachment,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if ((attachment.size ?? 0) > limit) throw tooLarge(limit);
  const answer = await callTelegram(bot, "getFile", { file_id: attachment.ref }, { signal });
  if (!answer.ok) {
    if (/file is too big/i.test(answer.failure.reason)) throw tooLarge(limit);
    throw failed(answer.failure.reason);
  }
  const { file_path: path, file_size: size } = answer.result;
  if ((size ?? 0) > limit) throw tooLarge(limit);
  if (path === undefined || !isRelative(path)) throw failed("telegram: getFile answered without a usable path");
  const url = `${bot.api_root}/file/bot${bot.token.reveal()}/${path.split("/").map(encodeURIComponent).join("/")}`;
  try {
    const { status, body } = await exchange(url, { method: "GET", signal, timeoutMs }, limit);
    if (status === 200) return body;
    throw failed(`telegram: the download was answered with ${status}`);
  } catch (error) {
    if (error instanceof ClawError) throw error.code === "too_large" ? tooLarge(limit) : error;
    throw failed(
      error instanceof TransportError ? `telegram: download: ${error.message}` : "telegram: download failed",
    );
  }
}

/** The path comes over the network and goes into a URL beside the token: only names below each other, nothing else. */
const isRelative = (path: string): boolean =>
  /^[^\\:?#%\p{Cc}]+$/u.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");

const tooLarge = (limit: number): ClawError => {
  const megabytes = Math.round((limit / 1024 / 1024) * 10) / 10;
  return new ClawError("too_large", `telegram: the file is larger than ${limit} bytes`, {
    say: `That file is too large: ${megabytes} MB at most.`,
  });
};

const failed = (message: string): ClawError =>
  new ClawError("channel_failed", message, { say: "I could not fetch that file from Telegram. Please send it again." });
