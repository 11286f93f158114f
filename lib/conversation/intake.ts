/** A burst of messages as one input for the model: voice turned to text, images fetched, what cannot be read said so. */
import type { ImagePart } from "../agent/model.ts";
import type { Attachment, Destination, InboundMessage, ScheduledMessage } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import type { OpenMessage } from "../ledger/mailbox.ts";
import { transcriptionBackend } from "../llm/transcribe.ts";
import { sniff } from "../media/sniff.ts";
import type { TaintSource } from "../policy/taint.ts";
import type { ConversationDeps } from "./deps.ts";

export interface Intake {
  /** What the model reads; empty when there was nothing it could. */
  readonly text: string;
  readonly images: readonly ImagePart[];
  /** The images by reference, to be fetched again when the run is resumed. */
  readonly imageRefs: readonly Attachment[];
  /** What each voice note was understood as, to be quoted back. */
  readonly heard: readonly { readonly inboxId: number; readonly text: string }[];
  /** What could not be read and why, for the person; each reason once. */
  readonly problems: readonly string[];
  /** What the person wrote or said themselves, without what they quoted, forwarded or attached. */
  readonly request: string;
  /** What of it others may have written. */
  readonly taint: readonly TaintSource[];
}

const megabyte = 1024 * 1024;
/** All images of a run together: they are held in memory, and sent with each of its model calls. */
const maxImagesMb = 20;

export async function takeIn(
  deps: ConversationDeps,
  config: Config,
  agent: Agent,
  batch: readonly OpenMessage[],
  signal: AbortSignal,
): Promise<Intake> {
  const parts: string[] = [];
  const images: ImagePart[] = [];
  const imageRefs: Attachment[] = [];
  const heard: { inboxId: number; text: string }[] = [];
  const problems = new Set<string>();
  const own: string[] = [];
  const taint = new Set<TaintSource>();
  let imageBytes = 0;
  const takesImages = deps.backends.model(config, agent.backend).takesImages;
  const look = async (attachment: Attachment, destination: Destination): Promise<ImagePart> => {
    if (!takesImages) throw new Unreadable(`I cannot look at images: the model behind ${agent.name} takes none.`);
    const { max_images } = config.media;
    if (images.length >= max_images)
      throw new Unreadable(`I look at no more than ${max_images} images at once: I left out the rest.`);
    const tooMuch = `I look at no more than ${maxImagesMb} MB of images at once: I left out the rest.`;
    if (imageBytes >= maxImagesMb * megabyte) throw new Unreadable(tooMuch);
    const image = await fetchImage(deps, config, attachment, destination, signal);
    // What is left out counts too, so that no further one is fetched.
    imageBytes += image.bytes.length;
    if (imageBytes > maxImagesMb * megabyte) throw new Unreadable(tooMuch);
    return image;
  };
  for (const { id, message } of batch) {
    if (message.scheduled) {
      for (const source of message.scheduled.taint) taint.add(source);
      parts.push(scheduledWords(message, message.scheduled));
      continue;
    }
    const lines: string[] = [];
    const imagesBefore = images.length;
    if (message.quoted !== undefined) taint.add("quoted");
    if (message.forwarded) taint.add("forwarded");
    else own.push(message.text);
    for (const attachment of message.attachments) {
      // What stands in a file, and its name, may be anybody's words; only what the person spoke is theirs.
      if (attachment.spoken !== true) taint.add("media");
      try {
        if (attachment.kind === "image") {
          images.push(await look(attachment, message.destination));
          imageRefs.push(attachment);
        } else if (attachment.kind === "voice") {
          const text = await hear(deps, config, agent, attachment, message.destination, signal);
          heard.push({ inboxId: id, text });
          if (attachment.spoken && !message.forwarded) own.push(text);
          lines.push(text);
        } else
          throw new Unreadable(`I can read text, images and voice notes, but not ${attachment.name ?? "this file"}.`);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        const said = thrown instanceof ClawError ? thrown.say : undefined;
        if (said === undefined)
          deps.log.warn({ err: thrown, lane: message.destination.channel }, "an attachment could not be read");
        problems.add(said ?? "I could not fetch the attachment.");
        lines.push(`[attachment not readable: ${attachment.kind}]`);
      }
    }
    const text = spokenBy(message, [message.text, ...lines].filter((line) => line !== "").join("\n"));
    if (message.text !== "" || lines.some((line) => !line.startsWith("[attachment not"))) parts.push(text);
    else if (images.length > imagesBefore) parts.push(spokenBy(message, "[image]"));
  }
  return {
    text: parts.join("\n\n"),
    images,
    imageRefs,
    heard,
    problems: [...problems],
    request: own.filter((text) => text !== "").join("\n"),
    taint: [...taint],
  };
}

/** Something a person sent that cannot be read, in words for them. */
class Unreadable extends ClawError {
  constructor(say: string) {
    super("bad_request", say, { say });
  }
}

/** In a shared room the model must know who speaks; the name is the sender's claim, so it decides nothing. */
function spokenBy({ shared, senderName, principal, quoted }: InboundMessage, text: string): string {
  const quote = quoted
    ? `${quoted
        .split("\n")
        .map((line) => `> ${line}`)
        .join("\n")}\n\n`
    : "";
  return `${quote}${shared ? `${senderName ?? principal}: ` : ""}${text}`;
}

/** The model is told whose words these are: nobody says them now, so that they are no answer to what was said last. */
const scheduledWords = ({ principal, text }: InboundMessage, { asked, when, due }: ScheduledMessage): string =>
  `[Scheduled for ${principal} on ${asked}: ${when}. Due ${due}. Nobody wrote this now; do it, or say it to them.]\n\n${text}`;

/** An image's bytes, checked to be one. Used again, by reference, when a run is resumed. */
export async function fetchImage(
  deps: Pick<ConversationDeps, "channels">,
  config: Config,
  attachment: Attachment,
  destination: Destination,
  signal: AbortSignal,
): Promise<ImagePart> {
  const limit = config.media.max_image_mb;
  const bytes = await fetchWithin(deps, attachment, destination, limit, signal);
  const { kind, mime } = sniff(bytes);
  if (kind !== "image") throw new Unreadable("That is no image I know: PNG, JPEG, GIF and WebP are.");
  return { mime, bytes };
}

async function hear(
  deps: ConversationDeps,
  config: Config,
  agent: Agent,
  attachment: Attachment,
  destination: Destination,
  signal: AbortSignal,
): Promise<string> {
  const backend = transcriptionBackend(config, agent);
  if (!backend) throw new Unreadable("I cannot listen to voice notes: no backend here turns them into text.");
  const bytes = await fetchWithin(deps, attachment, destination, config.media.max_voice_mb, signal);
  const { kind, mime, extension } = sniff(bytes);
  if (kind !== "audio") throw new Unreadable("That is no recording I know: Ogg, MP3, M4A, WAV, FLAC and WebM are.");
  const text = await deps.backends.transcribe(
    config,
    backend.name,
    { bytes, mime, name: `voice.${extension}` },
    signal,
  );
  if (text === "") throw new Unreadable("I heard no words in the voice note.");
  return text;
}

async function fetchWithin(
  { channels }: Pick<ConversationDeps, "channels">,
  attachment: Attachment,
  destination: Destination,
  limitMb: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await channels[destination.channel].fetchAttachment(attachment, destination, limitMb * megabyte, signal);
  } catch (thrown) {
    if (thrown instanceof ClawError && thrown.code === "too_large")
      throw new Unreadable(`That is too large: I take at most ${limitMb} MB.`);
    throw thrown;
  }
}
