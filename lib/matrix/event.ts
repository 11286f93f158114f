/** What a pushed event means to us. Made by decode.ts; everything else of the event is left behind there. */
import type { Attachment } from "../channel/types.ts";
import type { RoomMembership } from "../ledger/matrix-rooms.ts";

/** What every decoded event has. */
interface Basis {
  readonly eventId: string;
  readonly room: string;
  readonly sender: string;
}

/** Something said in a room. */
export interface MatrixMessage extends Basis {
  readonly kind: "message";
  /** Without the reply fallback. */
  readonly text: string;
  /** HTML without the reply fallback; searched for mentions, never shown. */
  readonly html: string | undefined;
  readonly attachments: readonly Attachment[];
  /** Text of the message this one answers, where the fallback gave it. */
  readonly quoted: string | undefined;
  /** The event this one answers. */
  readonly replyTo: string | undefined;
  /** Root event of the thread. */
  readonly thread: string | undefined;
  /** `m.mentions.user_ids`. */
  readonly mentions: readonly string[];
  /** ISO 8601, by the sender's server. */
  readonly sentAt: string;
  /** It came encrypted, from a sender who is believed. */
  readonly encrypted: boolean;
}

/** A message's text was replaced. */
export interface MatrixEdit extends Basis {
  readonly kind: "edit";
  readonly target: string;
  /** Without the reply fallback. */
  readonly text: string;
  /** `m.mentions.user_ids` of the new content. */
  readonly mentions: readonly string[];
  /** It came encrypted, from a sender who is believed. */
  readonly encrypted: boolean;
}

/** An emoji, or any short text, put on a message. */
export interface MatrixReaction extends Basis {
  readonly kind: "reaction";
  readonly target: string;
  readonly key: string;
  /** ISO 8601, by the sender's server. */
  readonly sentAt: string;
  /** It came encrypted, from a sender who is believed; what it is put on is never encrypted. */
  readonly encrypted: boolean;
}

/** A message was taken back. */
export interface MatrixRedaction extends Basis {
  readonly kind: "redaction";
  readonly target: string;
}

/** For the machines of the agents in the room: an encrypted event, or one of a verification. */
export interface MatrixEncrypted extends Basis {
  readonly kind: "encrypted";
  /** Root event of the thread: relations are not encrypted. */
  readonly thread: string | undefined;
  readonly raw: EncryptedEvent;
}

/** What a machine needs of an event. */
export interface EncryptedEvent {
  readonly type: string;
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: Readonly<Record<string, unknown>>;
}

/** The room was replaced by another (m.room.tombstone). */
export interface MatrixTombstone extends Basis {
  readonly kind: "tombstone";
  readonly replacement: string;
}

/** The room became encrypted. */
export interface MatrixEncryption extends Basis {
  readonly kind: "encryption";
}

/** Somebody's membership of the room changed. */
export interface MatrixMember extends Basis {
  readonly kind: "member";
  readonly user: string;
  readonly membership: RoomMembership;
  readonly isDirect: boolean;
}

/** A pushed event in our words. `other` is nothing to us; `poison` could not be understood. */
export type MatrixEvent =
  | MatrixMessage
  | MatrixEdit
  | MatrixRedaction
  | MatrixReaction
  | MatrixEncrypted
  | MatrixTombstone
  | MatrixEncryption
  | MatrixMember
  | { readonly kind: "other" }
  | { readonly kind: "poison"; readonly reason: string };

/** What the inbox keeps of a membership event of one of our users. */
export interface MembershipFacts {
  readonly user: string;
  readonly room: string;
  readonly membership: RoomMembership;
  readonly sender: string;
  readonly isDirect: boolean;
  readonly eventId: string;
  /** The room that replaced this one (m.room.tombstone), to be followed. */
  readonly replacement?: string;
}
