import { inertText } from "../channel/inert.ts";
import type { LinkPolicy } from "../channel/links.ts";
import type { Destination } from "../channel/types.ts";
import type { Entity, FormattedText } from "./formatted.ts";
import { formatMarkdown } from "./markdown.ts";
import { maxTextLength, partsOf } from "./part.ts";

/** A message as the outbox keeps it for Telegram. */
export interface TelegramBody {
  readonly text: string;
  readonly entities?: readonly Entity[];
  /** Sent in its place where Telegram takes no entities: what they showed as code must be no link then. */
  readonly plain?: string;
  /** The message this one answers. */
  readonly replyTo?: number;
  /** In one row below it. */
  readonly buttons?: readonly Button[];
}

/** An inline button; `data` comes back with a tap on it (1-64 bytes). */
export interface Button {
  readonly text: string;
  readonly data: string;
}

const empty: FormattedText = { text: "(empty answer)", entities: [] };

/** Markdown to messages within Telegram's limits; in a group the first one answers the message it is for. */
export function renderTelegram(markdown: string, destination: Destination, links?: LinkPolicy): TelegramBody[] {
  const parts = partsOf(formatMarkdown(markdown, links));
  const replyTo = destination.channel === "telegram" ? destination.replyTo : undefined;
  return (parts.length > 0 ? parts : [empty]).map(({ text, entities }, index) => ({
    text,
    ...(entities.length > 0 && { entities }),
    ...(entities.length > 0 && links && { plain: inertText(text, links).slice(0, maxTextLength).toWellFormed() }),
    ...(index === 0 && replyTo !== undefined && { replyTo }),
  }));
}

/** The same with the buttons of a question below its last message. */
export function renderTelegramQuestion(
  markdown: string,
  destination: Destination,
  code: string,
  links?: LinkPolicy,
): TelegramBody[] {
  const bodies = renderTelegram(markdown, destination, links);
  const buttons = [
    { text: "✅ Approve", data: `approve:${code}` },
    { text: "❌ Deny", data: `deny:${code}` },
  ];
  return bodies.map((body, index) => (index === bodies.length - 1 ? { ...body, buttons } : body));
}

/** Whether a stored body is one of ours. */
export const isTelegramBody = (body: unknown): body is TelegramBody =>
  typeof body === "object" && body !== null && "text" in body && typeof body.text === "string";
