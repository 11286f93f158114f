import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";

/**
 * Transactions whose events are committed. Event ids are what makes a repeat harmless; this only saves its work, so
 * a record may be missing but must never be there too early.
 */
export interface MatrixTransactions {
  /** Whether this very transaction, by id and SHA-256 of its body, was recorded. */
  seen(txnId: string, digest: Uint8Array): Promise<boolean>;
  /** Records it. Call after its entries were committed, never before. */
  record(txnId: string, digest: Uint8Array): Promise<void>;
}

/** A homeserver repeats only what it has no answer for; a week is long past any such repeat. */
const keep = "7 days";
const pruneEveryMs = 3_600_000;

/** Records are gathered for so long: nobody waits for one, and each commit of its own would delay those somebody does. */
const gatherMs = 200;

/** Over the table matrix_transactions. */
export function createMatrixTransactions(sql: Sql): MatrixTransactions {
  let gathered: { txn_id: string; digest: string }[] = [];
  let written: Promise<void> | undefined;
  let prunedAt = Date.now();
  const write = async (): Promise<void> => {
    await sleep(gatherMs);
    const rows = gathered;
    gathered = [];
    written = undefined;
    await sql`
      insert into matrix_transactions (txn_id, digest)
      select txn_id, decode(digest, 'hex') from jsonb_to_recordset(${sql.json(rows)}) as row (txn_id text, digest text)
      on conflict do nothing`;
    if (Date.now() - prunedAt < pruneEveryMs) return;
    prunedAt = Date.now();
    await sql`delete from matrix_transactions where received_at < now() - ${keep}::interval`;
  };
  return {
    async seen(txnId, digest) {
      const rows = await sql`select 1 from matrix_transactions where txn_id = ${txnId} and digest = ${digest}`;
      return rows.length > 0;
    },
    record(txnId, digest) {
      gathered.push({ txn_id: txnId, digest: Buffer.from(digest).toString("hex") });
      written ??= write();
      return written;
    },
  };
}
