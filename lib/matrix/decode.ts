/** Pushed events to our words. Pure; what others send is read field by field and never trusted to have a shape. */
import type { Attachment } from "../channel/types.ts";
import type { RoomMembership } from "../ledger/matrix-rooms.ts";
import { isTooDeep } from "../nesting.ts";
import { readEncryption } from "./encrypted-file.ts";
import type { EncryptedEvent, MatrixEvent, MatrixMessage } from "./event.ts";
import { splitFallback, withoutHtmlFallback } from "./fallback.ts";
import { isEventId, isRoomId, isUserId } from "./ids.ts";
import { parseMxc } from "./mxc.ts";

type Json = Readonly<Record<string, unknown>>;

const memberships: readonly unknown[] = ["invite", "join", "leave", "ban", "knock"] satisfies RoomMembership[];

const poison = (reason: string): MatrixEvent => ({ kind: "poison", reason });
const other: MatrixEvent = { kind: "other" };

/**
 * One element of a transaction's `events`, or one that was decrypted (`encrypted`). Never throws; `now` stands in for a time
 * the event does not have.
 */
export function decode(raw: unknown, now: Date, encrypted = false): MatrixEvent {
  const event = record(raw);
  const { event_id: eventId, room_id: room, sender, type } = event;
  if (!isEventId(eventId)) return poison("no usable event_id");
  if (!isRoomId(room)) return poison("no usable room_id");
  if (!isUserId(sender)) return poison("no usable sender");
  const basis = { eventId, room, sender };
  const content = record(event["content"]);
  switch (type) {
    case "m.room.message":
      if (isVerification({ type, content })) return forMachines(basis, type, content, sentAt(event, now));
      return event["state_key"] === undefined ? decodeMessage(basis, content, sentAt(event, now), encrypted) : other;
    case "m.room.encrypted":
      return event["state_key"] === undefined ? decodeEncrypted(basis, content, sentAt(event, now)) : other;
    case "m.reaction":
      return event["state_key"] === undefined
        ? decodeReaction(basis, record(content["m.relates_to"]), sentAt(event, now), encrypted)
        : other;
    case "m.room.tombstone":
      return decodeTombstone(basis, event["state_key"], content["replacement_room"]);
    case "m.room.redaction": {
      // Room version 11 moved the target into the content.
      const target = event["redacts"] ?? content["redacts"];
      return isEventId(target) ? { ...basis, kind: "redaction", target } : poison("a redaction without a target");
    }
    case "m.room.encryption":
      return event["state_key"] === "" ? { ...basis, kind: "encryption" } : other;
    case "m.room.member":
      return decodeMember(basis, event["state_key"], content);
    default:
      return typeof type === "string" && isVerification({ type, content })
        ? forMachines(basis, type, content, sentAt(event, now))
        : other;
  }
}

/** Whether an event is of a verification over a room (spec: Key verification framework). */
export const isVerification = ({ type, content }: { readonly type: string; readonly content: Json }): boolean =>
  type.startsWith("m.key.verification.") || content["msgtype"] === "m.key.verification.request";

type Basis = Pick<MatrixMessage, "eventId" | "room" | "sender">;

function decodeMember(basis: Basis, user: unknown, content: Json): MatrixEvent {
  if (!isUserId(user)) return poison("a membership of no usable user");
  if (!memberships.includes(content["membership"])) return poison("no usable membership");
  const membership = content["membership"] as RoomMembership;
  return { ...basis, kind: "member", user, membership, isDirect: content["is_direct"] === true };
}

// A redacted event has empty content.
const decodeEncrypted = (basis: Basis, content: Json, sentAt: string): MatrixEvent =>
  typeof content["ciphertext"] === "string" ? forMachines(basis, "m.room.encrypted", content, sentAt) : other;

function forMachines(basis: Basis, type: string, content: Json, sentAt: string): MatrixEvent {
  // It is written down as it is.
  if (isTooDeep(content)) return poison("a content that is nested too deeply");
  const relation = record(content["m.relates_to"]);
  const thread =
    relation["rel_type"] === "m.thread" && isEventId(relation["event_id"]) ? relation["event_id"] : undefined;
  const { eventId: event_id, room: room_id, sender } = basis;
  const raw: EncryptedEvent = { type, event_id, room_id, sender, origin_server_ts: Date.parse(sentAt), content };
  return { ...basis, kind: "encrypted", thread, raw };
}

function decodeReaction(basis: Basis, relation: Json, sentAt: string, encrypted: boolean): MatrixEvent {
  const { rel_type, event_id, key } = relation;
  if (rel_type !== "m.annotation" || !isEventId(event_id) || typeof key !== "string") return other;
  return { ...basis, kind: "reaction", target: event_id, key: key.slice(0, 64), sentAt, encrypted };
}

function decodeTombstone(basis: Basis, stateKey: unknown, replacement: unknown): MatrixEvent {
  return stateKey === "" && isRoomId(replacement) ? { ...basis, kind: "tombstone", replacement } : other;
}

function decodeMessage(basis: Basis, content: Json, sentAt: string, encrypted: boolean): MatrixEvent {
  const relation = record(content["m.relates_to"]);
  if (relation["rel_type"] === "m.replace")
    return decodeEdit(basis, relation["event_id"], content["m.new_content"], encrypted);
  // A redacted message has empty content. Notices are from bots: answering them would let two talk for ever.
  const type = content["msgtype"];
  if (type === undefined || type === "m.notice") return other;
  if (typeof content["body"] !== "string") return poison("a message without a body");

  const reply = record(relation["m.in_reply_to"])["event_id"];
  const replyTo = isEventId(reply) ? reply : undefined;
  const threaded = relation["rel_type"] === "m.thread" && isEventId(relation["event_id"]);
  const { text, quoted } = replyTo ? splitFallback(content["body"]) : { text: content["body"], quoted: undefined };
  const html = typeof content["formatted_body"] === "string" ? content["formatted_body"] : undefined;
  const message: MatrixMessage = {
    ...basis,
    kind: "message",
    text,
    html: html && withoutHtmlFallback(html),
    attachments: [],
    quoted,
    // Inside a thread the reply is only a fallback for clients without threads, unless said otherwise.
    replyTo: threaded && relation["is_falling_back"] === true ? undefined : replyTo,
    thread: threaded ? (relation["event_id"] as string) : undefined,
    mentions: mentionsOf(content),
    sentAt,
    encrypted,
  };
  switch (type) {
    case "m.text":
    case "m.location":
      return message;
    case "m.emote":
      return { ...message, text: `* ${text}` };
    case "m.image":
      return withFile(message, "image", content);
    case "m.audio":
      return withFile(message, "voice", content);
    case "m.file":
    case "m.video":
      return withFile(message, "document", content);
    default:
      return other;
  }
}

function decodeEdit(basis: Basis, target: unknown, newContent: unknown, encrypted: boolean): MatrixEvent {
  const content = record(newContent);
  const { body, msgtype } = content;
  if (!isEventId(target)) return poison("an edit without a target");
  if (typeof body !== "string") return poison("an edit without a body");
  // Whether what is edited is a reply is not said: what looks like a fallback is one.
  const { text } = splitFallback(body);
  return {
    ...basis,
    kind: "edit",
    target,
    text: msgtype === "m.emote" ? `* ${text}` : text,
    mentions: mentionsOf(content),
    encrypted,
  };
}

/** Spec: `body` is a caption only where `filename` is there and differs from it. */
function withFile(message: MatrixMessage, kind: Attachment["kind"], content: Json): MatrixEvent {
  const { filename, file } = content;
  const isEncrypted = typeof file === "object" && file !== null;
  const encryption = isEncrypted ? readEncryption(record(file)) : undefined;
  if (isEncrypted && !encryption) return poison("an encrypted attachment that cannot be read");
  const url = isEncrypted ? record(file)["url"] : content["url"];
  if (typeof url !== "string" || !parseMxc(url)) return poison("an attachment that is not an mxc:// URI");
  const captioned = typeof filename === "string" && filename !== message.text;
  const { mimetype, size } = record(content["info"]);
  const attachment: Attachment = {
    kind,
    ref: url,
    name: (typeof filename === "string" ? filename : message.text).slice(0, 255),
    ...(typeof mimetype === "string" && { mime: mimetype.slice(0, 255) }),
    ...(Number.isSafeInteger(size) && Number(size) >= 0 && { size: Number(size) }),
    // A voice message (MSC3245) as against any other sound.
    ...(kind === "voice" && content["org.matrix.msc3245.voice"] !== undefined && { spoken: true }),
    ...(encryption && { encryption }),
  };
  return { ...message, text: captioned ? message.text : "", attachments: [attachment] };
}

function sentAt(event: Json, now: Date): string {
  const at = event["origin_server_ts"];
  const date = typeof at === "number" ? new Date(at) : now;
  return (Number.isNaN(date.getTime()) ? now : date).toISOString();
}

const record = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};

const mentionsOf = (content: Json): string[] => strings(record(content["m.mentions"])["user_ids"]).slice(0, 100);

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
