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
}

/** A message's text was replaced. */
export interface MatrixEdit extends Basis {
  readonly kind: "edit";
  readonly target: string;
  /** Without the reply fallback. */
  readonly text: string;
  /** `m.mentions.user_ids` of the new content. */
  readonly mentions: readonly string[];
}

/** A message was taken back. */
export interface MatrixRedaction extends Basis {
  readonly kind: "redaction";
  readonly target: string;
}

/** An encrypted message. */
export interface MatrixEncrypted extends Basis {
  readonly kind: "encrypted";
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
  | MatrixEncrypted
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
}
