/** A signed journal to be tampered with, copy by copy, by somebody who may do everything in the database. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64url, publicKeyOf } from "../../lib/audit/checkpoint.ts";
import { appendCheckpoints } from "../../lib/audit/checkpoint-file.ts";
import { takeCheckpoints } from "../../lib/audit/checkpoint-take.ts";
import { type Verdict, verifyAudit, type VerifyOptions } from "../../lib/audit/verify.ts";
import type { Sql } from "../../lib/db/client.ts";
import { createKeyring, type Keyring, newKey } from "../../lib/seal.ts";
import { loadJournal } from "../bench/journal-load.ts";
import { createTestDatabase } from "./database.ts";
import { expectedHashes, journalOf } from "./journal.ts";

/** The journal as it was signed. */
export interface SignedJournal {
  readonly keyring: Keyring;
  readonly key: Uint8Array;
  /** A checkpoint file from before anybody tampered. */
  readonly file: string;
  /** Runs in the order of their ids. */
  readonly runs: readonly string[];
  readonly rows: number;
  /** Verifies a copy that `tamper` was let loose on. */
  tampered(tamper: (sql: Sql) => Promise<unknown>, options?: Partial<VerifyOptions>): Promise<Verdict>;
  /** A copy to work on, without the triggers that refuse. */
  copy(): ReturnType<typeof createTestDatabase>;
  drop(): Promise<void>;
}

/** Some hundred rows in three checkpoints. */
export async function signedJournal(): Promise<SignedJournal> {
  const base = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), "openclaw-audit-"));
  const file = join(directory, "checkpoints.jsonl");
  const keyring = createKeyring(newKey());
  const { rows } = await loadJournal(base.sql, { rows: 300, keyring, days: 2 });
  await takeCheckpoints(base.sql, { key: keyring.checkpointKey(), now: new Date(), everyMinutes: 60, most: 15 });
  await appendCheckpoints(base.sql, file);
  const runs = (await base.sql<{ id: string }[]>`select id from runs order by id`).map(({ id }) => id);
  await base.sql.end();
  const copy = async (): ReturnType<typeof createTestDatabase> => {
    const database = await createTestDatabase({ template: new URL(base.url).pathname.slice(1), max: 2 });
    for (const table of ["journal", "checkpoints", "checkpoint_heads", "key_rotations"])
      await database.sql.unsafe(`alter table ${table} disable trigger all`);
    return database;
  };
  const key = publicKeyOf(keyring.checkpointKey());
  return {
    keyring,
    key,
    file,
    runs,
    rows,
    copy,
    async tampered(tamper, options = {}) {
      const database = await copy();
      try {
        await tamper(database.sql);
        return await verifyAudit(database.sql, { key, checkpointMinutes: 60, ...options });
      } finally {
        await database.drop();
      }
    },
    async drop() {
      rmSync(directory, { recursive: true, force: true });
      await base.drop();
    },
  };
}

/** What a finding says, without its words. */
export const placesOf = ({ findings }: Verdict): string[] =>
  findings.first.map(({ kind, run, seq, checkpoint }) =>
    [kind, run, seq === undefined ? undefined : `row ${seq}`, checkpoint && `checkpoint ${checkpoint}`]
      .filter((part) => part !== undefined)
      .join(" "),
  );

/** Makes a run's chain whole again after a row of it was changed, as one could who knows how. */
export async function rebuildChain(sql: Sql, run: string): Promise<void> {
  const entries = await journalOf(sql, run);
  let previous = base64url(new Uint8Array(32));
  for (const [seq, hash] of expectedHashes(entries).entries()) {
    await sql`
      update journal set prev_hash = ${Buffer.from(previous, "base64url")}, hash = ${Buffer.from(hash, "hex")}
      where run_id = ${run} and seq = ${seq}`;
    previous = Buffer.from(hash, "hex").toString("base64url");
  }
}

/** Makes heads and checkpoints anew over what is there now, signed with another key. */
export async function rebuildCheckpoints(sql: Sql): Promise<void> {
  await sql`delete from checkpoint_heads`;
  await sql`delete from checkpoints`;
  await sql`update runs set checkpoint = null`;
  const key = createKeyring(newKey()).checkpointKey();
  await takeCheckpoints(sql, { key, now: new Date(), everyMinutes: 60, most: 15 });
}
