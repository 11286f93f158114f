/** Whether the rows of one run's journal follow from one another. */
import type { JournalColumns } from "../ledger/journal-row.ts";
import { chainHash, noHash } from "../ledger/journal-row.ts";

/** A row of `journal` as PostgreSQL returns it, whole. */
export type FullJournalRow = { [Key in keyof JournalColumns]: JournalColumns[Key] | null } & {
  readonly run_id: string;
  readonly type: JournalColumns["type"];
  readonly seq: number;
  readonly at: Date;
  readonly payload: Uint8Array | null;
  readonly prev_hash: Uint8Array;
  readonly hash: Uint8Array;
};

/** What a row says besides its payload and hashes: the columns that are not null, as the hash covers them. */
export function factsOf(row: FullJournalRow): JournalColumns & { run_id: string; seq: number; at: string } {
  const { payload: _payload, prev_hash: _previous, hash: _hash, ...columns } = row;
  const known = Object.entries(columns).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(known), at: row.at.toISOString() } as ReturnType<typeof factsOf>;
}

/** How far a chain holds. `broken` is the first row that does not follow from those before it. */
export interface ChainState {
  readonly rows: number;
  readonly broken?: { readonly seq: number; readonly why: string };
}

/** Checks a run's rows, in order of seq. That none is missing at the end, only a checkpoint can tell. */
export function checkChain(rows: readonly FullJournalRow[]): ChainState {
  let previous = noHash;
  for (const [at, row] of rows.entries()) {
    const why = faultOf(row, at, previous);
    if (why !== undefined) return { rows: rows.length, broken: { seq: row.seq, why } };
    previous = row.hash;
  }
  return { rows: rows.length };
}

function faultOf(row: FullJournalRow, expected: number, previous: Uint8Array): string | undefined {
  if (row.seq !== expected) return `row ${expected} is missing`;
  if (Buffer.compare(row.prev_hash, previous) !== 0) return "it does not follow from the row before it";
  const hash = chainHash(previous, factsOf(row), row.payload ?? undefined);
  return Buffer.compare(row.hash, hash) === 0 ? undefined : "it was changed: its hash is another";
}
