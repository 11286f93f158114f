import { type FileBody, fileOf } from "../channel/file-body.ts";
import type { OutboundFile, SendOutcome } from "../channel/types.ts";
import type { TelegramBot } from "../config/config.ts";
import { type Answer, callTelegram, inputFile } from "./api.ts";
import type { Failure } from "./failure.ts";
import { outcomeOf, placeOf, type TelegramDestination } from "./send.ts";

/** A file as the outbox keeps it for Telegram. */
export interface TelegramFileBody extends FileBody {
  /** The message this one answers. */
  readonly replyTo?: number;
}

const timeoutMs = 60_000;
/** https://core.telegram.org/bots/api#sendphoto */
const maxPhotoBytes = 10 * 1000 * 1000;
const photos: readonly string[] = ["image/png", "image/jpeg", "image/webp"];

/** Sends a file, an image as a photo. Like a text it has no idempotency key: what may have arrived is `unknown`. */
export async function sendTelegramFile(
  bot: TelegramBot,
  destination: TelegramDestination,
  body: TelegramFileBody,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const file = fileOf(body);
  const place = placeOf(destination, body.replyTo);
  const payload = { ...place, ...(file.caption !== undefined && { caption: file.caption }) };
  const input = await inputFile(file.bytes, quoted(file.name));
  const options = { signal, timeoutMs };
  const asDocument = () => callTelegram(bot, "sendDocument", { ...payload, document: input }, options);
  let answer: Answer<{ readonly message_id: number }>;
  if (isPhoto(file)) {
    answer = await callTelegram(bot, "sendPhoto", { ...payload, photo: input }, options);
    // A picture too long or wide for a photo; a 400 says that nothing was sent.
    if (!answer.ok && isAboutImage(answer.failure)) answer = await asDocument();
  } else answer = await asDocument();
  return answer.ok ? { state: "sent", remoteId: String(answer.result.message_id) } : outcomeOf(answer.failure, bot);
}

const isPhoto = ({ mime, bytes }: OutboundFile): boolean => photos.includes(mime) && bytes.length < maxPhotoBytes;

const isAboutImage = (failure: Failure): boolean =>
  failure.kind === "answered" && failure.status === 400 && /photo|image/i.test(failure.reason);

/** grammY writes the name into the part's header as it is, where a space or semicolon would end it. */
const quoted = (name: string): string => `"${name.replaceAll(/["\\\p{Cc}]/gu, "'")}"`;
