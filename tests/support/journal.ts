/** A run's journal as a test reads it: straight from the table, opened and chained by the test's own means. */
import { createHash } from "node:crypto";
import type { Sql } from "../../lib/db/client.ts";
import { createKeyring, Sealer } from "../../lib/seal.ts";
import { testEnvironment } from "./gateway.ts";

export type JournalEntry = Record<string, unknown> & {
  readonly seq: number;
  readonly type: string;
  readonly at: Date;
  readonly payload: Uint8Array | null;
  readonly prev_hash: Uint8Array;
  readonly hash: Uint8Array;
};

/** The last run of a person, whatever became of it. */
export async function lastRun(sql: Sql, person: number): Promise<Record<string, unknown> & { id: string }> {
  const [run] = await sql<(Record<string, unknown> & { id: string })[]>`
    select * from runs where principal = ${`telegram:${person}`} order by started_at desc limit 1`;
  if (!run) throw new Error(`no run of ${person}`);
  return run;
}

export const journalOf = (sql: Sql, run: string): Promise<JournalEntry[]> =>
  sql<JournalEntry[]>`select * from journal where run_id = ${run} order by seq`;

/** What is sealed in an entry, opened with the run's key. */
export async function payloadOf(sql: Sql, run: string, entry: JournalEntry): Promise<Record<string, unknown>> {
  const [key] = await sql<{ wrapped: Uint8Array }[]>`select wrapped from run_keys where run_id = ${run}`;
  if (!key || !entry.payload) throw new Error("nothing sealed here");
  const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
  const seal = new Sealer(keyring.runKeys.open(key.wrapped, `run:${run}`));
  return seal.openJson(entry.payload, `journal:${run}:${entry.seq}`) as Record<string, unknown>;
}

/**
 * The hashes the entries must have: SHA-256(previous | JSON of the columns that are not null, keys sorted |
 * SHA-256(payload)), beginning with 32 zero bytes.
 */
export function expectedHashes(entries: readonly JournalEntry[]): string[] {
  let previous: Uint8Array = new Uint8Array(32);
  return entries.map(({ payload, prev_hash: _, hash: __, ...columns }) => {
    const facts = Object.entries({ ...columns, at: columns.at.toISOString() }).filter(([, value]) => value !== null);
    facts.sort(([a], [b]) => (a < b ? -1 : 1));
    const digest = createHash("sha256")
      .update(payload ?? "")
      .digest();
    previous = createHash("sha256")
      .update(previous)
      .update(JSON.stringify(Object.fromEntries(facts)))
      .update(digest)
      .digest();
    return Buffer.from(previous).toString("hex");
  });
}
