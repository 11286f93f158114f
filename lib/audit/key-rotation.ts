/** A change of OPENCLAW_KEY as the audit trail keeps it: the new key states, and signs, what the old one had signed until then. */
import { createHash, type KeyObject, sign } from "node:crypto";
import { canonicalJson } from "../config/canonical-json.ts";
import type { Sql, TransactionSql } from "../db/client.ts";
import { noHash } from "../ledger/journal-row.ts";
import { base64url, isSignature, newestCheckpoint, publicKeyOf } from "./checkpoint.ts";

/** As drizzle/schema/audit.ts keeps it. */
export interface KeyRotation {
  /** From 1, without gaps. */
  readonly number: number;
  readonly at: Date;
  /** 32 bytes: the public key that signs no more. */
  readonly retiredKey: Uint8Array;
  /** The last checkpoint before it; 0: there was none. */
  readonly checkpoint: number;
  /** 32 zero bytes where there was none. */
  readonly checkpointHash: Uint8Array;
  readonly signature: Uint8Array;
  /** 32 bytes: who has signed this, and signs from here on. */
  readonly publicKey: Uint8Array;
}

/** SHA-256(a line that says what it is | canonical JSON of all but the signature). */
function hashOf({
  number,
  at,
  retiredKey,
  checkpoint,
  checkpointHash,
  publicKey,
}: Omit<KeyRotation, "signature">): Buffer {
  const facts = canonicalJson({
    number,
    at: at.toISOString(),
    retired_key: base64url(retiredKey),
    checkpoint,
    checkpoint_hash: base64url(checkpointHash),
    public_key: base64url(publicKey),
  });
  return createHash("sha256").update("openclaw key rotation\n").update(facts).digest();
}

/** Whether the key that it names as the new one has signed it. */
export const isSigned = (rotation: KeyRotation): boolean =>
  isSignature(hashOf(rotation), rotation.signature, rotation.publicKey);

/** Notes that `to` follows on `from`, which has signed every checkpoint there is or vouches for who did. */
export async function noteRotation(tx: TransactionSql, from: KeyObject, to: KeyObject, at: Date): Promise<KeyRotation> {
  const [last, before] = [await newestCheckpoint(tx), await newestRotation(tx)];
  const statement = {
    number: (before?.number ?? 0) + 1,
    at,
    retiredKey: publicKeyOf(from),
    checkpoint: last?.number ?? 0,
    checkpointHash: last?.hash ?? noHash,
    publicKey: publicKeyOf(to),
  };
  const signature = sign(null, hashOf(statement), to);
  const { number, retiredKey, checkpoint, checkpointHash, publicKey } = statement;
  await tx`
    insert into key_rotations (number, at, retired_key, checkpoint, checkpoint_hash, signature, public_key)
    values (${number}, ${at}, ${retiredKey}, ${checkpoint}, ${checkpointHash}, ${signature}, ${publicKey})`;
  return { ...statement, signature };
}

/** All changes of the key, in order. */
export const keyRotations = (sql: Sql | TransactionSql): Promise<KeyRotation[]> =>
  sql<KeyRotation[]>`${columns(sql)} order by number`;

/** The last change of the key; none, too, in a database from before there were any, which may be backed up as it is. */
export async function newestRotation(sql: Sql | TransactionSql): Promise<KeyRotation | undefined> {
  const [noted] = await sql<{ there: boolean }[]>`select to_regclass('key_rotations') is not null as there`;
  if (!noted?.there) return undefined;
  return (await sql<KeyRotation[]>`${columns(sql)} order by number desc limit 1`)[0];
}

const columns = (sql: Sql | TransactionSql) => sql`
  select number, at, retired_key as "retiredKey", checkpoint, checkpoint_hash as "checkpointHash", signature,
    public_key as "publicKey" from key_rotations`;
