/** A checkpoint: a signed statement of how chains ended, over the one before it. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { canonicalJson } from "../config/canonical-json.ts";
import type { Sql, TransactionSql } from "../db/client.ts";

/** What is signed, by way of its hash. */
export interface Statement {
  /** From 1, without gaps. */
  readonly number: number;
  readonly at: Date;
  /** Heads. */
  readonly runs: number;
  readonly headsHash: Uint8Array;
  /** 32 zero bytes in the first. */
  readonly previousHash: Uint8Array;
}

/** As drizzle/schema/audit.ts keeps it. */
export interface Checkpoint extends Statement {
  readonly hash: Uint8Array;
  /** Ed25519 over `hash`. */
  readonly signature: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** hash = SHA-256(previous hash | canonical JSON of at, heads_hash, number, runs). */
export function checkpointHash({ number, at, runs, headsHash, previousHash }: Statement): Buffer {
  const facts = canonicalJson({ number, at: at.toISOString(), runs, heads_hash: base64url(headsHash) });
  return createHash("sha256").update(previousHash).update(facts).digest();
}

/** Signs a statement with the gateway's key. */
export function signed(statement: Statement, key: KeyObject): Checkpoint {
  const hash = checkpointHash(statement);
  return { ...statement, hash, signature: sign(null, hash, key), publicKey: publicKeyOf(key) };
}

/** The 32 bytes of the public key of an Ed25519 key. */
export const publicKeyOf = (key: KeyObject): Buffer =>
  Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");

/** Whether `publicKey` (32 bytes) has signed the checkpoint's hash. */
export const isSignedBy = ({ hash, signature }: Checkpoint, publicKey: Uint8Array): boolean =>
  isSignature(hash, signature, publicKey);

/** Whether a signature is Ed25519 over a hash, by `publicKey` (32 bytes). */
export function isSignature(hash: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: base64url(publicKey) }, format: "jwk" });
  return verify(null, hash, key, signature);
}

/** The checkpoints after a number, in order; `most` of them at the most. */
export const checkpointsAfter = (sql: Sql | TransactionSql, number: number, most = 100): Promise<Checkpoint[]> =>
  sql<Checkpoint[]>`
    select number, at, runs, heads_hash as "headsHash", previous_hash as "previousHash", hash, signature,
      public_key as "publicKey"
    from checkpoints where number > ${number} order by number limit ${most}`;

/** The newest checkpoint. */
export const newestCheckpoint = async (sql: Sql | TransactionSql): Promise<Checkpoint | undefined> =>
  (
    await sql<Checkpoint[]>`
      select number, at, runs, heads_hash as "headsHash", previous_hash as "previousHash", hash, signature,
        public_key as "publicKey"
      from checkpoints order by number desc limit 1`
  )[0];
