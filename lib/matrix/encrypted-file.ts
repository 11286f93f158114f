/**
 * Encrypted attachments (spec: "Sending encrypted attachments"). By node:crypto, not by the Attachment of
 * matrix-sdk-crypto-wasm: the wasm's memory grows by every file it is handed and never shrinks again.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { FileEncryption } from "../channel/types.ts";
import { ClawError } from "../errors.ts";

/** The `file` of a message's content. */
export interface EncryptedFile {
  readonly v: "v2";
  readonly url: string;
  readonly key: {
    readonly kty: "oct";
    readonly key_ops: readonly string[];
    readonly alg: "A256CTR";
    /** Unpadded base64url; `iv` and the hash are unpadded base64. */
    readonly k: string;
    readonly ext: true;
  };
  readonly iv: string;
  readonly hashes: { readonly sha256: string };
}

const cipher = "aes-256-ctr";

/** What is needed to open a file, from the `file` of a message; undefined where it is none of version 2 or not whole. */
export function readEncryption(file: Readonly<Record<string, unknown>>): FileEncryption | undefined {
  const { k, alg } = record(file["key"]);
  const { iv } = file;
  const { sha256 } = record(file["hashes"]);
  if (file["v"] !== "v2" || alg !== "A256CTR") return undefined;
  return hasBytes(k, 32) && hasBytes(iv, 16) && hasBytes(sha256, 32) ? { key: k, iv, sha256 } : undefined;
}

/** The plain bytes of a file; throws ClawError where it is not the one that was sent. */
export function decryptFile(bytes: Uint8Array, { key, iv, sha256 }: FileEncryption): Buffer {
  if (!hasBytes(key, 32) || !hasBytes(iv, 16) || !hasBytes(sha256, 32))
    throw new ClawError("bad_request", "an encrypted attachment whose key, iv or hash has not its length", {
      say: "I cannot decrypt that file.",
    });
  // CTR does not notice a change: only the hash, which came under the room's encryption, tells what was tampered with.
  if (!createHash("sha256").update(bytes).digest().equals(bytesOf(sha256)))
    throw new ClawError("channel_failed", "an encrypted attachment is not the one that was sent: its hash differs", {
      say: "That file arrived damaged. Please send it again.",
    });
  const decipher = createDecipheriv(cipher, bytesOf(key), bytesOf(iv));
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

/** Encrypts with a fresh key; `fileAt` makes the message's `file` once it is known where the bytes lie. */
export function encryptFile(bytes: Uint8Array): { bytes: Buffer; fileAt: (url: string) => EncryptedFile } {
  const key = randomBytes(32);
  // The counter's half is zero, so that it cannot overflow into the other: implementations differ in what happens then.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const encipher = createCipheriv(cipher, key, iv);
  const encrypted = Buffer.concat([encipher.update(bytes), encipher.final()]);
  const sha256 = unpadded(createHash("sha256").update(encrypted).digest());
  return {
    bytes: encrypted,
    fileAt: (url) => ({
      v: "v2",
      url,
      key: { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k: key.toString("base64url"), ext: true },
      iv: unpadded(iv),
      hashes: { sha256 },
    }),
  };
}

/** Both alphabets, as senders mix them up. */
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64");

const hasBytes = (value: unknown, count: number): value is string =>
  typeof value === "string" && /^[A-Za-z0-9+/_-]{1,44}={0,2}$/.test(value) && bytesOf(value).length === count;

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
