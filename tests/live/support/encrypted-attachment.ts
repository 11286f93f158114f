/** Encrypted attachments of Matrix, version 2: https://spec.matrix.org/latest/client-server-api/#sending-encrypted-attachments */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { EncryptedFile } from "matrix-js-sdk/lib/@types/media.js";

export type { EncryptedFile };

/** Encrypts a file with a new key; gives what to upload, and the `file` of the message but for its `url`. */
export function encryptAttachment(bytes: Uint8Array): { data: Buffer; file: Omit<EncryptedFile, "url"> } {
  const key = randomBytes(32);
  // The lower half counts the blocks.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const data = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const jwk = { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k: key.toString("base64url"), ext: true };
  return { data, file: { v: "v2", key: jwk, iv: unpadded(iv), hashes: { sha256: digest(data) } } };
}

/** Decrypts what was downloaded; throws when it is not what the message's `file` names. */
export function decryptAttachment(data: Uint8Array, file: EncryptedFile): Buffer {
  if (file.v !== "v2") throw new Error(`an attachment of version ${file.v}`);
  if (file.key.alg !== "A256CTR") throw new Error(`an attachment encrypted by ${file.key.alg}`);
  if (file.hashes["sha256"] !== digest(data)) throw new Error("the attachment is not the one that was sent");
  const key = Buffer.from(file.key.k, "base64url");
  const decipher = createDecipheriv("aes-256-ctr", key, Buffer.from(file.iv, "base64"));
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

function digest(data: Uint8Array): string {
  return unpadded(createHash("sha256").update(data).digest());
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
