/**
 * The operator's way into runs. age (X25519) is too slow for every run: a process makes an audit key, has it encrypted for
 * `audit.recipient` once, and seals the data key of each run with it. In the clear it is in this process's memory alone.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AuditWrap, Sealer } from "../seal.ts";

/** An audit key is used for so long; what begins after it has the next one made. */
const lifeMs = 86_400_000;

/** The associated data of a run's data key sealed with an audit key. */
export const auditKeySeal = (runId: string): string => `audit:${runId}`;

/** Seals runs' keys for the operator, with the audit key in use. */
export interface AuditKeys extends AuditWrap {
  /**
   * Has runs sealed for this recipient from now on; resolves when they are. Throws ClawError `config_invalid` where age
   * refuses it: no run is sealed for anybody then.
   */
  use(recipient: string | undefined): Promise<void>;
}

interface KeyInUse {
  readonly id: string;
  readonly recipient: string;
  readonly sealer: Sealer;
  readonly until: number;
}

export function createAuditKeys({
  sql,
  log,
  now = Date.now,
}: {
  readonly sql: Sql;
  readonly log: Pick<Log, "error">;
  readonly now?: () => number;
}): AuditKeys {
  let wanted: string | undefined;
  let current: KeyInUse | undefined;
  let making: Promise<void> | undefined;
  const make = async (recipient: string): Promise<void> => {
    const made = await makeKey(sql, recipient, now());
    // Another may have been asked for meanwhile.
    if (recipient === wanted) current = made;
  };
  return {
    async use(recipient) {
      if (recipient === wanted && current) return;
      wanted = recipient;
      current = undefined;
      if (recipient !== undefined) await make(recipient);
    },
    wrap(runId, key) {
      if (wanted === undefined) return undefined;
      // The run does not wait for it; one that nothing seals for the operator is sealed when its retention is over.
      if (!current || current.until <= now())
        making ??= make(wanted)
          .catch((err: unknown) =>
            log.error({ err }, "no new audit key could be made; it is tried again with the next run"),
          )
          .finally(() => (making = undefined));
      return current && { keyId: current.id, wrapped: current.sealer.seal(key, auditKeySeal(runId)) };
    },
  };
}

async function makeKey(sql: Sql, recipient: string, now: number): Promise<KeyInUse> {
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
      `audit.recipient: age refuses "${recipient}": give the public key, "age1...", as age-keygen printed it`,
      { cause },
    );
  }
  // Before any run is sealed with it: what it seals would be lost with this process.
  await sql`insert into audit_keys (id, recipient, wrapped) values (${id}, ${recipient}, ${wrapped})`;
  return { id, recipient, sealer: new Sealer(key), until: now + lifeMs };
}
