/**
 * Reads tar as `write-archive.ts` packs it, and no other: files alone, in the ustar format, a long path in a pax header before. Who
 * made an archive is known only at its end, so whatever it claims, no more than a chunk and a path is held.
 */

/** A file. Its bytes are read before the next one is asked for, or passed over. */
export interface TarEntry {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

const block = 512;
/** Of a pax header: Linux has no path longer than 4096. */
const longestPax = 8192;

/** All entries in order. Throws Error where it is cut off, or anything is not as we write it. */
export async function* tarEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const input = new Input(source);
  let path: string | undefined;
  for (;;) {
    const header = await input.take(block);
    if (isZero(header)) break;
    const { name, mode, size, type } = parseHeader(header);
    if (type === "x" && path === undefined && size <= longestPax) {
      path = pathOf(await input.take(size));
      await input.take(padding(size));
      continue;
    }
    if (type !== "0") throw new Error("it has an entry of a kind or size that no backup has");
    const bytes = input.next(size);
    yield { name: path ?? name, mode, size, bytes };
    for await (const _ of bytes);
    await input.take(padding(size));
    path = undefined;
  }
  if (path !== undefined || !isZero(await input.take(block)) || (await input.any()))
    throw new Error("its end is wrong");
}

const padding = (size: number): number => -size & (block - 1);
const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

function parseHeader(header: Buffer): { name: string; mode: number; size: number; type: string } {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (header.toString("latin1", 257, 265) !== "ustar\x0000" || sum !== number(header, 148, 8))
    throw new Error("it has no tar header where one belongs");
  const [name, prefix] = [text(header, 0, 100), text(header, 345, 155)];
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(header, 100, 8),
    size: number(header, 124, 12),
    type: header.toString("latin1", 156, 157),
  };
}

function text(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
}

function number(header: Buffer, at: number, length: number): number {
  const digits = /^([0-7]+)[\0 ]*$/.exec(header.toString("latin1", at, at + length))?.[1];
  if (digits === undefined) throw new Error("it has a tar header with a number that is none");
  return Number.parseInt(digits, 8);
}

/** Of `LENGTH path=PATH\n`, the one record that we write. */
function pathOf(pax: Buffer): string {
  const [, length, path] = /^(\d+) path=(.*)\n$/s.exec(pax.toString("utf8")) ?? [];
  if (path === undefined || Number(length) !== pax.length) throw new Error("it has a pax header that is not a path");
  return path;
}

/** Bytes as they are asked for, whatever chunks they come in. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array();
  #left = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** So many bytes: few. */
  async take(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.next(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** So many bytes, as they come; what was not read of them comes when it is asked again. */
  next(count: number): AsyncIterable<Uint8Array> {
    this.#left = count;
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#part() }) };
  }

  async #part(): Promise<IteratorResult<Uint8Array>> {
    if (this.#left === 0) return { done: true, value: undefined };
    if (!(await this.any())) throw new Error("it ends too early");
    const value = this.#held.subarray(0, this.#left);
    this.#held = this.#held.subarray(value.length);
    this.#left -= value.length;
    return { done: false, value };
  }

  /** Whether there is anything more. */
  async any(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#held = next.value;
    }
    return true;
  }
}
