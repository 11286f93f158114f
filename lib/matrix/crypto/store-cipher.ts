/**
 * The key that a crypto store encrypts its values with, as matrix-sdk-store-encryption keeps it in the store itself: wrapped
 * with the key that the store is opened with. The library can open it and not wrap it anew, so that is done here; the machine
 * over the store proves that it was done right (rekey.ts).
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ClawError } from "../../errors.ts";

/** What the values and the names of a store hang on; 32 bytes each. */
export interface StoreCipher {
  readonly values: Uint8Array;
  /** Names (its keys) are hashes that are keyed with this, and nobody can tell what of: it cannot be changed. */
  readonly names: Uint8Array;
}

/** A value of a store, by matrix-sdk-store-encryption: XChaCha20-Poly1305, unpadded base64. */
export interface EncryptedValue {
  readonly version: number;
  readonly ciphertext: string;
  readonly nonce: string;
}

const nonceBytes = 24;
const tagBytes = 16;
const partBytes = 32;

/** The record's form, in MessagePack, with the two arrays left out. */
const head = Buffer.concat([
  Buffer.of(0x82, ...text("kdf_info"), ...text("HkdfSha256"), ...text("ciphertext_info")),
  Buffer.of(0x81, ...text("ChaCha20Poly1305"), 0x82, ...text("nonce")),
]);
const middle = Buffer.of(...text("ciphertext"));

/** Opens the record of a store that is opened with `key`. Throws ClawError `environment` where it is of another key or form. */
export function openStoreCipher(record: Uint8Array, key: Uint8Array): StoreCipher {
  const { nonce, ciphertext } = parse(Buffer.from(record));
  let parts: Uint8Array;
  try {
    parts = xchacha20poly1305(wrappingKey(key), nonce).decrypt(ciphertext);
  } catch (cause) {
    throw new ClawError("environment", "it is wrapped with another key", { cause });
  }
  return { values: parts.slice(0, partBytes), names: parts.slice(partBytes) };
}

/** The record of a store that is to be opened with `key`. */
export function wrapStoreCipher({ values, names }: StoreCipher, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const ciphertext = xchacha20poly1305(wrappingKey(key), nonce).encrypt(Buffer.concat([values, names]));
  return Buffer.concat([head, array(nonce), middle, array(ciphertext)]);
}

/** Throws where the value is not of this cipher. */
export const decryptValue = ({ values }: StoreCipher, { ciphertext, nonce }: EncryptedValue): Uint8Array =>
  xchacha20poly1305(values, Buffer.from(nonce, "base64")).decrypt(Buffer.from(ciphertext, "base64"));

export function encryptValue({ values }: StoreCipher, plain: Uint8Array): EncryptedValue {
  const nonce = randomBytes(nonceBytes);
  return { version: 1, ciphertext: unpadded(xchacha20poly1305(values, nonce).encrypt(plain)), nonce: unpadded(nonce) };
}

/** The library derives twice: once for the store, once in what wraps. */
function wrappingKey(key: Uint8Array): Uint8Array {
  const derive = (from: Uint8Array, purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", from, "", purpose, 32));
  return derive(derive(key, "CRYPTOSTORE_CIPHER"), "matrix-sdk-store-encryption");
}

function parse(record: Buffer): { nonce: Uint8Array; ciphertext: Uint8Array } {
  const nonce = readArray(record, head.length);
  const ciphertext = nonce && readArray(record, nonce.end + middle.length);
  if (
    !record.subarray(0, head.length).equals(head) ||
    !ciphertext ||
    !record.subarray(nonce.end, nonce.end + middle.length).equals(middle) ||
    ciphertext.end !== record.length ||
    nonce.bytes.length !== nonceBytes ||
    ciphertext.bytes.length !== 2 * partBytes + tagBytes
  )
    throw new ClawError("environment", "its form is not known: was matrix-sdk-crypto-wasm upgraded?");
  return { nonce: nonce.bytes, ciphertext: ciphertext.bytes };
}

/** A string of MessagePack. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(0xa0 | value.length), Buffer.from(value)]);
}

/** Bytes as MessagePack's array of numbers, which is what the library writes. */
const array = (bytes: Uint8Array): Buffer =>
  Buffer.of(
    0xdc,
    bytes.length >> 8,
    bytes.length & 0xff,
    ...[...bytes].flatMap((byte) => (byte < 0x80 ? [byte] : [0xcc, byte])),
  );

function readArray(record: Buffer, at: number): { bytes: Uint8Array; end: number } | undefined {
  if (record[at] !== 0xdc || at + 3 > record.length) return undefined;
  const bytes = new Uint8Array(record.readUInt16BE(at + 1));
  let end = at + 3;
  for (let index = 0; index < bytes.length; index++) {
    const wide = record[end] === 0xcc;
    const byte = record[wide ? end + 1 : end];
    if (byte === undefined || (!wide && byte >= 0x80)) return undefined;
    bytes[index] = byte;
    end += wide ? 2 : 1;
  }
  return { bytes, end };
}

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
