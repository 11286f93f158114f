/** What encrypted messages are to a test: how they are said, what they say, why they do not. */
import { DecryptionErrorCode, MegolmDecryptionError } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Strategy } from "./encrypted-device.ts";
import type { StandInEvent } from "./homeserver.ts";

/** What may be chosen of a person. */
export interface PersonOptions {
  /** Whether the device is signed by the person's identity, made where there is none. Default true. */
  readonly crossSigned?: boolean;
  /** Default: "identity", of an unsigned device "all", as that cannot use the other. */
  readonly strategy?: Strategy;
  /** Messages after which the room key is a new one. */
  readonly rotateEvery?: number;
  /** Whether saying something waits for the gateway. Default true; false where none is connected. */
  readonly awaitPush?: boolean;
}

/** What may be chosen of one message. */
export interface SayOptions extends Omit<PersonOptions, "crossSigned"> {
  /** The thread's first event. */
  readonly thread?: string;
  readonly replyTo?: string;
  /** The event that this one replaces. */
  readonly edit?: string;
  /** Sends it under a new room key that nobody gets until `deliverKeys`. */
  readonly withholdKeys?: boolean;
}

/** An event's content as its sender wrote it. */
export interface Decrypted {
  readonly type: string;
  readonly content: Record<string, unknown>;
}

/** A decrypted event and where it stands. */
export interface Answer extends Decrypted {
  readonly event: StandInEvent;
}

/** An event that has no key, or a wrong one. */
export class UndecryptableError extends Error {
  /** Such as MissingRoomKey. */
  readonly code: string;
  /** Why the sender gave no key: m.unverified …; undefined: it did not say. */
  readonly withheld: string | undefined;

  constructor(event: StandInEvent, who: string, thrown: unknown) {
    const known = thrown instanceof MegolmDecryptionError ? thrown : undefined;
    const code = known ? (DecryptionErrorCode[known.code] ?? "unknown") : "unknown";
    const withheld = known?.withheldCode;
    const why = known?.description ?? String(thrown);
    super(
      `${who} cannot decrypt ${event.event_id} of ${event.sender}: ${code}${withheld ? `, ${withheld}` : ""}: ${why}`,
    );
    this.name = "UndecryptableError";
    this.code = code;
    this.withheld = withheld;
  }
}

/** The content with its place in the conversation, as clients write it. */
export function related(
  content: Record<string, unknown>,
  { thread, replyTo, edit }: SayOptions,
): Record<string, unknown> {
  if (edit !== undefined) {
    const body = typeof content["body"] === "string" ? { body: `* ${content["body"]}` } : {};
    const relation = { rel_type: "m.replace", event_id: edit };
    return { ...content, ...body, "m.new_content": content, "m.relates_to": relation };
  }
  const reply = { "m.in_reply_to": { event_id: replyTo ?? thread } };
  if (thread !== undefined) {
    const relation = { rel_type: "m.thread", event_id: thread, is_falling_back: replyTo === undefined, ...reply };
    return { ...content, "m.relates_to": relation };
  }
  return replyTo === undefined ? content : { ...content, "m.relates_to": reply };
}
