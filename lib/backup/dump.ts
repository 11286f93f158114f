/** The rows of our tables out of a database and into another, by COPY in its text format. */
import type { Readable, Writable } from "node:stream";
import { once } from "node:events";
import type { TransactionSql } from "../db/client.ts";
import type { TableShape } from "../db/migrations.ts";

/** Bytes of rows in one entry: what is held in memory at once, unless a single row is longer. */
const partBytes = 4 * 1024 * 1024;
const lineFeed = 10;

/** Whole rows of a table, and how many. */
export interface TablePart {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** Has values written so that they are read the same anywhere, whatever the server or the user is set to. */
export async function plainValues(tx: TransactionSql): Promise<void> {
  await tx`set local datestyle = 'ISO, YMD'`;
  await tx`set local timezone = 'UTC'`;
  await tx`set local bytea_output = 'hex'`;
  await tx`set local extra_float_digits = 1`;
}

/** All rows of a table, in parts of a few megabytes. In COPY's text a line feed ends a row, and nothing else has one. */
export async function* tableParts(
  tx: TransactionSql,
  { name, columns }: Pick<TableShape, "name" | "columns">,
): AsyncGenerator<TablePart> {
  const copy: Readable = await tx.unsafe(`copy ${target(name, columns)} to stdout`).readable();
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of copy as AsyncIterable<Buffer>) {
    held.push(chunk);
    size += chunk.length;
    if (size < partBytes || !chunk.includes(lineFeed)) continue;
    const bytes = Buffer.concat(held);
    const end = bytes.lastIndexOf(lineFeed) + 1;
    yield { bytes: bytes.subarray(0, end), rows: countRows(bytes.subarray(0, end)) };
    held = [bytes.subarray(end)];
    size = bytes.length - end;
  }
  // postgres.js 3.4.9 pauses the socket for a full stream, and where that was with the last rows nothing resumes it.
  copy._read(0);
  if (size > 0) {
    const bytes = Buffer.concat(held);
    yield { bytes, rows: countRows(bytes) };
  }
}

/** Adds rows that `tableParts` gave, of these columns, as they come. Returns how many. */
export async function loadPart(
  tx: TransactionSql,
  { name, columns }: Pick<TableShape, "name" | "columns">,
  bytes: AsyncIterable<Uint8Array>,
): Promise<number> {
  const query = tx.unsafe(`copy ${target(name, columns)} from stdin`);
  const refused = refusalOf(query);
  const copy: Writable = await query.writable();
  let rows = 0;
  const given = (async () => {
    for await (const chunk of bytes) {
      rows += countRows(chunk);
      if (!copy.write(chunk)) await once(copy, "drain");
    }
    copy.end();
    await once(copy, "finish");
  })();
  copy.on("error", () => {});
  // What was begun is called off, or the connection would wait for the rest of it.
  given.catch((thrown: Error) => copy.destroy(thrown));
  await Promise.race([given, refused]);
  return rows;
}

/**
 * Rejects when the server refuses what was copied. postgres.js 3.4.9 tells that to the stream only while it is written to, and to
 * the query, which has its stream by then; so what the query is told is listened for.
 */
function refusalOf(query: object): Promise<never> {
  const told = query as { reject: (reason: Error) => void };
  const refused = new Promise<never>((_, reject) => {
    const before = told.reject;
    told.reject = (reason) => {
      before(reason);
      reject(reason);
    };
  });
  refused.catch(() => {});
  return refused;
}

/** Columns and tables are the migrations' own, or were compared with them. */
const target = (name: string, columns: readonly string[]): string =>
  `public."${name}" (${columns.map((column) => `"${column}"`).join(", ")})`;

function countRows(bytes: Uint8Array): number {
  let rows = 0;
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) rows += 1;
  return rows;
}

/** What each identity column of these tables gives next, by `table.column`. Asked after the snapshot was taken, never too little. */
export async function sequencesOf(tx: TransactionSql, tables: readonly TableShape[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { name, identities } of tables)
    for (const column of identities) {
      const [row] = await tx<{ last: number | null }[]>`
        select pg_sequence_last_value(pg_get_serial_sequence(${`public.${name}`}, ${column})::regclass) as last`;
      found[`${name}.${column}`] = (row?.last ?? 0) + 1;
    }
  return found;
}

/** Has identity columns go on from there. */
export async function setSequences(tx: TransactionSql, next: Readonly<Record<string, number>>): Promise<void> {
  for (const [place, value] of Object.entries(next)) {
    const [table = "", column = ""] = place.split(".");
    await tx`select setval(pg_get_serial_sequence(${`public.${table}`}, ${column})::regclass, ${value}::bigint, false)`;
  }
}
