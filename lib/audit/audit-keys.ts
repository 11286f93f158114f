/**
 * The operator's way into runs. age (X25519) is too slow for every run: a process makes an audit key, has it encrypted for
 * `audit.recipient` once, and seals the data key of each run with it. In the clear it is in this process's memory alone.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { type AuditWrap, Sealer } from "../seal.ts";

/** An audit key is used for so long. */
const lifeMs = 86_400_000;

/** The associated data of a run's data key sealed with an audit key. */
export const auditKeySeal = (runId: string): string => `audit:${runId}`;

/** Seals runs' keys for the operator, with the audit key in use. */
export interface AuditKeys extends AuditWrap {
  /** Makes an audit key where there is none in use for this recipient, or it is old. Throws ClawError `config_invalid`. */
  use(recipient: string | undefined, now?: Date): Promise<void>;
}

interface KeyInUse {
  readonly id: string;
  readonly recipient: string;
  readonly sealer: Sealer;
  readonly until: number;
}

export function createAuditKeys(sql: Sql): AuditKeys {
  let current: KeyInUse | undefined;
  // One after the other: a reload while a key is being made must win over it.
  let last: Promise<unknown> = Promise.resolve();
  const replace = async (recipient: string | undefined, now: Date): Promise<void> => {
    if (recipient === current?.recipient && (current?.until ?? Infinity) > now.getTime()) return;
    current = recipient === undefined ? undefined : await makeKey(sql, recipient, now);
  };
  return {
    use(recipient, now = new Date()) {
      const used = last.then(() => replace(recipient, now));
      last = used.catch(() => undefined);
      return used;
    },
    wrap: (runId, key) => current && { keyId: current.id, wrapped: current.sealer.seal(key, auditKeySeal(runId)) },
  };
}

async function makeKey(sql: Sql, recipient: string, now: Date): Promise<KeyInUse> {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  const key = randomBytes(32);
  const id = randomUUID();
  let wrapped: Uint8Array;
  try {
    encrypter.addRecipient(recipient);
    wrapped = await encrypter.encrypt(key);
  } catch (cause) {
    throw new ClawError(
      "config_invalid",
      `audit.recipient: age refuses ${recipient}: take the line "public key" that age-keygen printed`,
      { cause },
    );
  }
  // Before any run is sealed with it: what it seals would be lost with this process.
  await sql`insert into audit_keys (id, recipient, wrapped) values (${id}, ${recipient}, ${wrapped})`;
  return { id, recipient, sealer: new Sealer(key), until: now.getTime() + lifeMs };
}
