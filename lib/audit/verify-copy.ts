/** PostgreSQL's binary COPY, read row by row without an object for each field. */
import type { Readable } from "node:stream";
import { ClawError } from "../errors.ts";

/** One row: where each column's bytes begin, and how many there are; -1: null. Good until the next row is read. */
export interface CopiedRow {
  readonly bytes: Buffer;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

/** Signature (11 bytes), flags and the length of an extension that nobody uses. */
const headerBytes = 19;
const signature = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");
const noBytes = Buffer.alloc(0);

/** Calls `use` with each row of `copy … to stdout (format binary)`, as they come, in flat memory. Returns the number of rows. */
export async function copiedRows(stream: Readable, columns: number, use: (row: CopiedRow) => void): Promise<number> {
  const starts = new Int32Array(columns);
  const lengths = new Int32Array(columns);
  let rest: Buffer = noBytes;
  let begun = false;
  let rows = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    if (!begun) {
      if (bytes.length < headerBytes) {
        rest = bytes;
        continue;
      }
      if (!bytes.subarray(0, signature.length).equals(signature)) throw malformed();
      begun = true;
      at = headerBytes;
    }
    for (;;) {
      const end = locate(bytes, at, starts, lengths);
      if (end === undefined) break;
      use({ bytes, starts, lengths });
      rows += 1;
      at = end;
    }
    rest = bytes.subarray(at);
  }
  // What is left is the trailer: a row of -1 columns.
  if (rest.length !== 2 || rest.readInt16BE(0) !== -1) throw malformed();
  return rows;
}

/** Where the row at `at` ends; undefined where it is not there whole, or is the trailer. */
function locate(bytes: Buffer, at: number, starts: Int32Array, lengths: Int32Array): number | undefined {
  if (at + 2 > bytes.length) return undefined;
  const columns = bytes.readInt16BE(at);
  if (columns === -1) return undefined;
  if (columns !== starts.length) throw malformed();
  let place = at + 2;
  for (let column = 0; column < columns; column++) {
    if (place + 4 > bytes.length) return undefined;
    const length = bytes.readInt32BE(place);
    place += 4;
    starts[column] = place;
    lengths[column] = length;
    if (length > 0) place += length;
  }
  return place > bytes.length ? undefined : place;
}

const malformed = (): ClawError =>
  new ClawError("environment", "the database's COPY is not in the format of PostgreSQL's documentation");
