import type { Attachment } from "../channel/types.ts";
import type { WireEntity, WireMessage } from "./wire.ts";

/** What a message says and carries. */
export interface Content {
  readonly text: string;
  readonly entities: readonly WireEntity[];
  readonly attachments: readonly Attachment[];
}

/** Kinds that have neither text nor a file an agent could use: named, so that the answer can say so. */
const unreadable = ["story", "game", "checklist", "paid_media", "invoice", "giveaway"] as const;

/** The content of a message; undefined for a service message (joins, pins, topics), which says nothing. */
export function contentOf(message: WireMessage): Content | undefined {
  const attachments = attachmentsOf(message);
  const text = message.text ?? message.caption ?? described(message);
  if (text === undefined && attachments.length === 0) return undefined;
  return { text: text ?? "", entities: message.entities ?? message.caption_entities ?? [], attachments };
}

function attachmentsOf(message: WireMessage): Attachment[] {
  const { photo = [], document, voice, audio, video, video_note } = message;
  const attachments: Attachment[] = [];
  const largest = photo.toSorted((a, b) => b.width * b.height - a.width * a.height)[0];
  // Telegram makes every photo a JPEG.
  if (largest) attachments.push(attachment("image", { ...largest, mime_type: "image/jpeg" }));
  if (document) attachments.push(attachment(document.mime_type?.startsWith("image/") ? "image" : "document", document));
  if (voice) attachments.push({ ...attachment("voice", voice), spoken: true });
  if (audio) attachments.push(attachment("voice", audio));
  for (const film of [video, video_note]) if (film) attachments.push(attachment("document", film));
  return attachments;
}

const attachment = (
  kind: Attachment["kind"],
  file: {
    file_id: string;
    file_name?: string | undefined;
    mime_type?: string | undefined;
    file_size?: number | undefined;
  },
): Attachment => ({
  kind,
  ref: file.file_id,
  ...(file.file_name !== undefined && { name: file.file_name }),
  ...(file.mime_type !== undefined && { mime: file.mime_type }),
  ...(file.file_size !== undefined && { size: file.file_size }),
});

/** What is neither text nor a file, in words. */
function described(message: WireMessage): string | undefined {
  const { sticker, venue, location, contact, poll, dice } = message;
  if (sticker) return `[sticker ${sticker.emoji ?? ""}`.trimEnd() + "]";
  if (venue) return `[place: ${venue.title}, ${venue.address}]`;
  if (location) return `[location: ${location.latitude}, ${location.longitude}]`;
  if (contact)
    return `[contact: ${[contact.first_name, contact.last_name, contact.phone_number].filter(Boolean).join(" ")}]`;
  if (poll) return `[poll: ${poll.question} ${poll.options.map((option) => `(${option.text})`).join(" ")}]`;
  if (dice) return `[${dice.emoji} ${dice.value}]`;
  const kind = unreadable.find((name) => message[name] !== undefined);
  return kind && `[${kind.replace("_", " ")}, which cannot be read here]`;
}
