/** A message encrypted for a room: the only maker of what may go into an encrypted one. */
import { messageOf } from "../../errors.ts";
import { MatrixError } from "../error.ts";
import { isForAll } from "../notices.ts";
import type { CryptoMember } from "./member.ts";
import { type ShareDeps, shareRoomKey } from "./share.ts";

/** What encrypting needs besides the agent. */
export type EncryptDeps = ShareDeps;

/** One event before it is encrypted. */
export interface PlainMessage {
  /** Full user id of the agent that speaks. */
  readonly user: string;
  readonly room: string;
  /** Unique; the outbox entry of the same key keeps what is made here. */
  readonly key: string;
  readonly type: string;
  readonly content: object;
}

/** The content of an m.room.encrypted event. Nobody outside this file can make one but `storedCiphertext`. */
export class EncryptedContent {
  readonly #content: Readonly<Record<string, unknown>>;

  private constructor(content: Readonly<Record<string, unknown>>) {
    this.#content = content;
  }

  /** As it goes to the homeserver. */
  get wire(): Readonly<Record<string, unknown>> {
    return this.#content;
  }

  /** Of the machine's own output; throws where it is anything else. */
  static parse(text: string): EncryptedContent {
    const content = JSON.parse(text) as Record<string, unknown>;
    if (content["algorithm"] !== "m.megolm.v1.aes-sha2" || typeof content["ciphertext"] !== "string")
      throw new Error("this is no encrypted content");
    return new EncryptedContent(content);
  }
}

/**
 * Shares the room's key with whoever is to read, and encrypts. The ratchet's step and the ciphertext in the outbox are one
 * commit, so a crash after it sends the very same event again.
 */
export function encryptFor(
  deps: EncryptDeps,
  member: CryptoMember,
  message: PlainMessage,
  signal?: AbortSignal,
): Promise<EncryptedContent> {
  const { machine, mutex, troubles } = member;
  const { room, type, content, key } = message;
  return mutex.run(`room ${room}`, async () => {
    try {
      await shareRoomKey(deps, member, { room, toAll: isForAll(key) }, signal);
      const text = await machine.unit(
        (olm) => olm.encryptRoomEvent(new machine.wasm.RoomId(room), type, JSON.stringify(content)),
        async (tx, ciphertext) => tx`update outbox set ciphertext = ${ciphertext} where key = ${key}`,
      );
      troubles.set("encrypt", undefined);
      return EncryptedContent.parse(text);
    } catch (thrown) {
      if (!member.signal.aborted && !(thrown instanceof MatrixError && thrown.transient))
        troubles.set("encrypt", `a message for ${room} could not be encrypted: ${messageOf(thrown)}`);
      throw thrown;
    }
  });
}
