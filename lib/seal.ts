/**
 * Sealing of what people and agents said: AES-256-GCM, 12-byte random nonce, 16-byte tag, the row's identity as
 * associated data, so that a sealed body moved to another row does not open. Layout: version (1) | nonce | tag | text.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { ClawError } from "./errors.ts";

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes + tagBytes;

/** Random bytes are drawn for many nonces at once: a draw costs as much as the sealing of a short text. */
let drawn = Buffer.alloc(0);

function nextNonce(): Buffer {
  if (drawn.length < nonceBytes) drawn = randomBytes(nonceBytes * 256);
  const nonce = drawn.subarray(0, nonceBytes);
  drawn = drawn.subarray(nonceBytes);
  return nonce;
}

/** Seals and opens with one 32-byte key. */
export class Sealer {
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new ClawError("config_invalid", `a sealing key has 32 bytes, not ${key.length}`);
    // As a key object: handed over as bytes, setting it up anew would take longer than the sealing.
    this.#key = createSecretKey(key);
  }

  seal(plaintext: Uint8Array | string, associated: string): Uint8Array {
    const nonce = nextNonce();
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(associated));
    const body = Buffer.concat([cipher.update(plaintext as string, "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body]);
  }

  /** Throws ClawError `environment` where the key is another, the bytes were changed or the row is not the one sealed. */
  open(sealed: Uint8Array, associated: string): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (bytes.length < headBytes || bytes[0] !== version)
      throw new ClawError("environment", `${associated}: not a sealed body of this version`);
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(1, 1 + nonceBytes))
        .setAAD(Buffer.from(associated))
        .setAuthTag(bytes.subarray(1 + nonceBytes, headBytes));
      return Buffer.concat([decipher.update(bytes.subarray(headBytes)), decipher.final()]);
    } catch (cause) {
      throw new ClawError(
        "environment",
        `${associated}: cannot be opened; is OPENCLAW_KEY the one it was sealed with?`,
        { cause },
      );
    }
  }

  sealJson(value: unknown, associated: string): Uint8Array {
    return this.seal(JSON.stringify(value), associated);
  }

  openJson(sealed: Uint8Array, associated: string): unknown {
    return JSON.parse(this.open(sealed, associated).toString("utf8"));
  }
}

/** Seals runs' data keys for the operator: lib/audit/audit-keys.ts. */
export interface AuditWrap {
  /** Undefined: there is no recipient. */
  wrap(runId: string, key: Uint8Array): { readonly keyId: string; readonly wrapped: Uint8Array } | undefined;
}

/** The gateway's keys, each derived by HKDF-SHA-256 from OPENCLAW_KEY for one purpose. */
export interface Keyring {
  /** Inbox, outbox, history, commitments. */
  readonly bodies: Sealer;
  /** Wraps each run's data key. */
  readonly runKeys: Sealer;
  /** Left out: runs are sealed for the gateway alone. */
  readonly audit?: AuditWrap;
  /** Agents' private cross-signing keys. */
  readonly matrixIdentities: Sealer;
  /** 32 bytes that encrypt the crypto store of one agent's user. */
  matrixStore(user: string): Uint8Array;
  /** HMAC-SHA-256 (hex) of a note's title: finds it, and says nothing without the key, nor of who has the same. */
  titleHash(owner: string, title: string): string;
  /** The private Ed25519 key that checkpoints of the audit trail are signed with. */
  checkpointKey(): KeyObject;
}

/** What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410, section 7). */
const ed25519Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** Throws ClawError `config_invalid` where `key` is not 32 bytes in base64. */
export function createKeyring(key: string): Keyring {
  const master = Buffer.from(key.trim(), "base64");
  if (master.length !== 32)
    throw new ClawError("config_invalid", "OPENCLAW_KEY must be 32 bytes in base64; make one with `claw keys new`");
  const derive = (purpose: string): Uint8Array => new Uint8Array(hkdfSync("sha256", master, "openclaw", purpose, 32));
  const noteTitles = derive("note-titles");
  return {
    bodies: new Sealer(derive("bodies")),
    runKeys: new Sealer(derive("run-keys")),
    matrixIdentities: new Sealer(derive("matrix-identities")),
    matrixStore: (user) => derive(`matrix-store ${user}`),
    titleHash: (owner, title) =>
      createHmac("sha256", noteTitles)
        .update(JSON.stringify([owner, title]))
        .digest("hex"),
    checkpointKey: () =>
      createPrivateKey({ key: Buffer.concat([ed25519Prefix, derive("checkpoints")]), format: "der", type: "pkcs8" }),
  };
}

/** A fresh OPENCLAW_KEY. */
export const newKey = (): string => randomBytes(32).toString("base64");
