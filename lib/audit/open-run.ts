/** What was said in a run is sealed with the run's data key; whoever holds a key that opens that one can read it. */
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { runKeySeal } from "../ledger/runs.ts";
import { type Keyring, Sealer } from "../seal.ts";
import { auditKeySeal } from "./audit-keys.ts";

/** What opens runs' payloads: the gateway's key, or the operator's age identity. */
export interface RunOpener {
  /** The run's own sealer. Undefined: there is no such run, it was erased, or its key is not for this opener. */
  sealerOf(runId: string): Promise<Sealer | undefined>;
}

/** Opens runs by the gateway's key, until their retention is over. */
export function gatewayOpener(sql: Sql, keyring: Keyring): RunOpener {
  return {
    async sealerOf(runId) {
      const [row] = await sql<{ wrapped: Uint8Array }[]>`
        select wrapped from run_keys where run_id = ${runId} and wrapped is not null`;
      return row && new Sealer(keyring.runKeys.open(row.wrapped, runKeySeal(runId)));
    },
  };
}

/**
 * Opens runs that were sealed for the operator. `identity`: "AGE-SECRET-KEY-1...", or several, one a line. Throws ClawError
 * `bad_request` where age knows no such identity, or nothing here was sealed for it.
 */
export async function identityOpener(sql: Sql, identity: string): Promise<RunOpener> {
  const { Decrypter, identityToRecipient } = await import("age-encryption");
  const decrypter = new Decrypter();
  const recipients = new Set<string>();
  for (const each of identity.split("\n")) {
    try {
      recipients.add(await identityToRecipient(each));
      decrypter.addIdentity(each);
    } catch {
      // The cause could hold the secret.
      throw new ClawError("bad_request", "age does not know this identity: is the line whole, AGE-SECRET-KEY-1…?");
    }
  }
  await checkFits(sql, recipients);
  const opened = new Map<string, Promise<Sealer | undefined>>();
  const auditKey = async (id: string): Promise<Sealer | undefined> => {
    const [row] = await sql<{ recipient: string; wrapped: Uint8Array }[]>`
      select recipient, wrapped from audit_keys where id = ${id}`;
    if (!row || !recipients.has(row.recipient)) return undefined;
    try {
      return new Sealer(await decrypter.decrypt(row.wrapped));
    } catch (cause) {
      throw new ClawError("environment", `audit key ${id} cannot be opened: its row was changed`, { cause });
    }
  };
  return {
    async sealerOf(runId) {
      const [row] = await sql<{ wrapped: Uint8Array; key: string }[]>`
        select audit_wrapped as wrapped, audit_key_id as key from run_keys
        where run_id = ${runId} and audit_wrapped is not null and audit_key_id is not null`;
      if (!row) return undefined;
      const key = opened.get(row.key) ?? auditKey(row.key);
      opened.set(row.key, key);
      const sealer = await key;
      return sealer && new Sealer(sealer.open(row.wrapped, auditKeySeal(runId)));
    },
  };
}

async function checkFits(sql: Sql, recipients: ReadonlySet<string>): Promise<void> {
  const sealedFor = (await sql<{ recipient: string }[]>`select distinct recipient from audit_keys order by 1`).map(
    ({ recipient }) => recipient,
  );
  if (sealedFor.some((recipient) => recipients.has(recipient))) return;
  throw new ClawError(
    "bad_request",
    sealedFor.length === 0
      ? "nothing was sealed for an identity yet: set audit.recipient; runs that begin from then on are"
      : `this identity opens nothing here: it is that of ${[...recipients].join(", ")}, and runs were sealed for ${sealedFor.join(", ")}`,
  );
}
