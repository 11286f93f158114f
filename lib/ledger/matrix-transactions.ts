import type { Sql } from "postgres";
import { GroupCommit } from "./group-commit.ts";

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

/** Over the table matrix_transactions. */
export function createMatrixTransactions(sql: Sql): MatrixTransactions {
  const commits = new GroupCommit<{ txnId: string; digest: Uint8Array }, never>(256, async (rows) => {
    const ids = rows.map(({ txnId }) => txnId);
    const digests = rows.map(({ digest }) => Buffer.from(digest).toString("hex"));
    await sql`
      insert into matrix_transactions (txn_id, digest)
      select txn_id, decode(digest, 'hex') from unnest(${ids}::text[], ${digests}::text[]) as row (txn_id, digest)
      on conflict do nothing`;
    return [];
  });
  let prunedAt = Date.now();
  return {
    async seen(txnId, digest) {
      const rows = await sql`select 1 from matrix_transactions where txn_id = ${txnId} and digest = ${digest}`;
      return rows.length > 0;
    },
    async record(txnId, digest) {
      await commits.add([{ txnId, digest }]);
      if (Date.now() - prunedAt < pruneEveryMs) return;
      prunedAt = Date.now();
      await sql`delete from matrix_transactions where received_at < now() - ${keep}::interval`;
    },
  };
}
