/**
 * Where in its session a message stands, read from its ciphertext (spec: Megolm, "Message format"): a version byte, then
 * tagged values, the index first. The ciphertext is signed, so whoever sends it again cannot change its place.
 */
import type { MegolmPlace } from "../../ledger/matrix-encrypted.ts";
import type { EncryptedEvent } from "../event.ts";

const version = 3;
/** Protobuf: field 1, a varint. */
const indexTag = 0x08;

/** The place of a decrypted event's ciphertext; undefined where it has another form. */
export function megolmPlace({ content }: EncryptedEvent): MegolmPlace | undefined {
  const { session_id: sessionId, ciphertext } = content;
  if (typeof sessionId !== "string" || typeof ciphertext !== "string") return undefined;
  const bytes = Buffer.from(ciphertext.slice(0, 16), "base64");
  if (bytes[0] !== version || bytes[1] !== indexTag) return undefined;
  let index = 0;
  for (let at = 2; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    index += (byte & 0x7f) * 2 ** (7 * (at - 2));
    if (byte < 0x80) return { sessionId, index };
  }
  return undefined;
}
