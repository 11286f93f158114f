/** Seals the values of one column with another key, in the order they lie in and a few at a time. */
import { checkpoint } from "../checkpoint.ts";
import type { TransactionSql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import type { Keyring } from "../seal.ts";
import type { SealedColumn, SealedRow } from "./sealed.ts";

/** Held in memory at once: bodies of some MB are among them. */
const atOnce = 50;
const toldEvery = 20_000;

/** What is done and what is told of it. */
export interface Resealing {
  readonly from: Keyring;
  readonly to: Keyring;
  /** Opens everything and changes nothing. */
  readonly dryRun: boolean;
  /** One line for the operator. */
  readonly tell: (line: string) => void;
}

/** What became of a column's values. */
export interface Resealed {
  readonly values: number;
  /** The places of values that the old key does not open; they stay as they are. */
  readonly damaged: readonly string[];
}

/** Call in a transaction that holds the table's lock: rows are found again by their place on the disk. */
export async function resealColumn(
  tx: TransactionSql,
  sealed: SealedColumn,
  { from, to, dryRun, tell }: Resealing,
): Promise<Resealed> {
  const { table, column, beside } = sealed;
  const damaged: string[] = [];
  let values = 0;
  // A name of its own: a statement that was prepared for one cursor has its columns for ever.
  const cursor = tx(`sealed_${table}`);
  await tx`
    declare ${cursor} no scroll cursor for
    select ctid::text as place, ${tx([column, ...beside])} from ${tx(table)}
    where ${tx(column)} is not null and octet_length(${tx(column)}) > 0`;
  for (;;) {
    const rows = await tx<(SealedRow & { place: string })[]>`fetch forward ${tx.unsafe(String(atOnce))} from ${cursor}`;
    if (rows.length === 0) break;
    const updates = rows.flatMap((row) => {
      try {
        return { place: row.place, columns: sealed.reseal(row, from, to) };
      } catch (thrown) {
        if (!(thrown instanceof ClawError)) throw thrown;
        damaged.push(`${table} ${beside.map((name) => String(row[name])).join(" ")}`);
        return [];
      }
    });
    if (!dryRun)
      await Promise.all(
        updates.map(({ place, columns }) => tx`update ${tx(table)} set ${tx(columns)} where ctid = ${place}::tid`),
      );
    const before = values;
    values += updates.length;
    if (Math.floor(values / toldEvery) > Math.floor(before / toldEvery)) tell(`  ${table}: ${values} …`);
    checkpoint("keys.resealed");
  }
  await tx`close ${cursor}`;
  return { values, damaged };
}
