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

/**
 * Calls `use` with each row of `copy … to stdout (format binary)`, as they come, in flat memory. Returns the number of rows.
 * Throws ClawError `environment` where it is no such copy, once all of it is read.
 */
export async function copiedRows(stream: Readable, columns: number, use: (row: CopiedRow) => void): Promise<number> {
  const reader = new CopyReader(columns, use);
  for await (const chunk of stream as AsyncIterable<Buffer>) reader.add(chunk);
  // postgres.js 3.4.9 pauses the socket for a full stream, and where that was with the last rows nothing resumes it: what it
  // gives as the stream's `_read` does, and nothing else.
  stream._read(0);
  return reader.end();
}

class CopyReader {
  readonly #use: (row: CopiedRow) => void;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  #rest: Buffer = noBytes;
  #begun = false;
  #malformed = false;
  #rows = 0;

  constructor(columns: number, use: (row: CopiedRow) => void) {
    this.#use = use;
    this.#starts = new Int32Array(columns);
    this.#lengths = new Int32Array(columns);
  }

  /** Never throws for what is in the chunk: a stream that is left unread would hold up its connection. */
  add(chunk: Buffer): void {
    if (this.#malformed) return;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (!this.#begun && bytes.length >= headerBytes) {
      this.#malformed = !bytes.subarray(0, signature.length).equals(signature);
      this.#begun = true;
      at = headerBytes;
    }
    for (let end; this.#begun && (end = this.#locate(bytes, at)) !== undefined; at = end) {
      this.#use({ bytes, starts: this.#starts, lengths: this.#lengths });
      this.#rows += 1;
    }
    this.#rest = bytes.subarray(at);
  }

  /** What is left is the trailer: a row of -1 columns. */
  end(): number {
    if (this.#malformed || this.#rest.length !== 2 || this.#rest.readInt16BE(0) !== -1)
      throw new ClawError("environment", "the database's COPY is not in the format of PostgreSQL's documentation");
    return this.#rows;
  }

  /** Where the row at `at` ends; undefined where it is not there whole, or is the trailer. */
  #locate(bytes: Buffer, at: number): number | undefined {
    if (at + 2 > bytes.length) return undefined;
    const columns = bytes.readInt16BE(at);
    if (columns === -1) return undefined;
    if (columns !== this.#starts.length) this.#malformed = true;
    if (this.#malformed) return undefined;
    let place = at + 2;
    for (let column = 0; column < columns; column++) {
      if (place + 4 > bytes.length) return undefined;
      const length = bytes.readInt32BE(place);
      place += 4;
      this.#starts[column] = place;
      this.#lengths[column] = length;
      if (length > 0) place += length;
    }
    return place > bytes.length ? undefined : place;
  }
}
