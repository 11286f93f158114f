import type { MessageEntity } from "@grammyjs/types";

const texts = new Set(["sendMessage", "editMessageText"]);

/** Whether a method takes a text to be checked. */
export const isText = (method: string): boolean => texts.has(method);

/** Whether a method takes a file to be checked. */
export const isFile = (method: string): boolean => method === "sendPhoto" || method === "sendDocument";

/** Why the Bot API would refuse a file; it takes one by upload alone, since nothing here has a file_id to send again. */
export function problemWithFile(method: string, payload: Readonly<Record<string, unknown>>): string | undefined {
  const { chat_id, caption = "" } = payload;
  const file = payload[method === "sendPhoto" ? "photo" : "document"] as { name: string; bytes: Buffer } | undefined;
  if (typeof chat_id !== "number") return "Bad Request: chat_id is empty";
  if (!file?.bytes) return `Bad Request: there is no ${method === "sendPhoto" ? "photo" : "document"} in the request`;
  if (file.bytes.length === 0) return "Bad Request: file must be non-empty";
  if (typeof caption !== "string" || caption.length > 1024) return "Bad Request: message caption is too long";
  if (method === "sendPhoto" && !/^(\x89PNG|\xff\xd8\xff|RIFF)/.test(file.bytes.toString("latin1", 0, 4)))
    return "Bad Request: IMAGE_PROCESS_FAILED";
  return undefined;
}

/** Why the Bot API would refuse a message, in its words. Stricter than it about entities, which it would mend silently. */
export function problemWith(payload: Readonly<Record<string, unknown>>): string | undefined {
  const { chat_id, text, entities } = payload;
  if (typeof chat_id !== "number") return "Bad Request: chat_id is empty";
  if (typeof text !== "string" || text.trim() === "") return "Bad Request: message text is empty";
  if (text.length > 4096) return "Bad Request: message is too long";
  if (!text.isWellFormed()) return "Bad Request: strings must be encoded in UTF-8";
  const markup = payload["reply_markup"] === undefined ? undefined : problemWithMarkup(payload["reply_markup"]);
  if (markup !== undefined) return `Bad Request: ${markup}`;
  if (entities === undefined) return undefined;
  if (!Array.isArray(entities)) return "Bad Request: can't parse entities: an array expected";
  if (entities.length > 100) return "Bad Request: can't parse entities: more than 100";
  for (const entity of entities as MessageEntity[]) {
    const wrong = entityProblem(entity, text, entities as MessageEntity[]);
    if (wrong !== undefined) return `Bad Request: can't parse entities: ${wrong}`;
  }
  return undefined;
}

/** Why the Bot API would refuse a reply_markup; inline keyboards with callback buttons are the only ones sent here. */
function problemWithMarkup(markup: unknown): string | undefined {
  const rows = (markup as { inline_keyboard?: unknown }).inline_keyboard;
  if (!Array.isArray(rows)) return "object expected as reply markup";
  for (const row of rows) {
    if (!Array.isArray(row)) return "inline keyboard row must be an Array";
    if (row.length > 8) return "too many buttons in a row";
    for (const { text, callback_data, ...more } of row as Record<string, unknown>[]) {
      if (typeof text !== "string" || text.trim() === "") return "inline keyboard button text must be non-empty";
      if (Object.keys(more).length > 0) return `inline keyboard button has an unknown ${Object.keys(more)[0]}`;
      if (typeof callback_data !== "string") return "text buttons are unallowed in the inline keyboard";
      const bytes = Buffer.byteLength(callback_data);
      if (bytes < 1 || bytes > 64) return "BUTTON_DATA_INVALID";
    }
  }
  return undefined;
}

/** Why the Bot API would refuse the answer to a tap. */
export function problemWithTapAnswer(payload: Readonly<Record<string, unknown>>): string | undefined {
  const { callback_query_id, text = "", ...more } = payload;
  if (typeof callback_query_id !== "string") return "Bad Request: callback_query_id is empty";
  if (typeof text !== "string" || text.length > 200) return "Bad Request: MESSAGE_TOO_LONG";
  const unknown = Object.keys(more).find((key) => !["show_alert", "url", "cache_time"].includes(key));
  return unknown && `Bad Request: unknown ${unknown}`;
}

const isInside = (text: string, at: number): boolean =>
  /[\uD800-\uDBFF]/.test(text.charAt(at - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(at));

function entityProblem(entity: MessageEntity, text: string, all: readonly MessageEntity[]): string | undefined {
  const { type, offset, length } = entity;
  const end = offset + length;
  if (!(Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length > 0 && end <= text.length))
    return `${type} is out of range`;
  if (isInside(text, offset) || isInside(text, end)) return `${type} splits a character`;
  if (type === "text_link" && !/^(https?|tg):\/\//.test(entity.url)) return "unsupported URL protocol";
  for (const other of all) {
    if (other === entity) continue;
    const otherEnd = other.offset + other.length;
    if (other.offset >= end || otherEnd <= offset) continue;
    const within = other.offset >= offset && otherEnd <= end;
    const around = other.offset <= offset && otherEnd >= end;
    if (!within && !around) return `${type} and ${other.type} overlap`;
    if ((type === "code" || type === "pre") && other.type !== "blockquote") return `${other.type} in ${type}`;
    if (type === other.type) return `${type} in ${type}`;
  }
  return undefined;
}
