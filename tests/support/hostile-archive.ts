/** Backups that nobody's `claw backup` made: whoever has the recipient, which is no secret, can hand an operator any of these. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Encrypter } from "age-encryption";

const block = 512;

/** A header of ustar. `size` is what it claims, which need not be what follows. */
export function tarHeader(name: string, size: number, type = "0"): Buffer {
  const header = Buffer.alloc(block);
  header.write(name, 0, 100);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\0", 257);
  header.write("00", 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** An entry that is whole. */
export function* tarEntry(name: string, bytes: Uint8Array, type = "0"): Generator<Uint8Array> {
  yield tarHeader(name, bytes.length, type);
  yield bytes;
  yield Buffer.alloc(-bytes.length & (block - 1));
}

/** The same bytes over and over, `total` of them: gzip makes a thousandth of that. */
export function* repeated(bytes: Uint8Array, total: number): Generator<Uint8Array> {
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(1_048_576 / bytes.length) }, () => bytes));
  for (let left = total; left > 0; left -= chunk.length) yield left < chunk.length ? chunk.subarray(0, left) : chunk;
}

/** Compresses and encrypts a tar file of these bytes. */
export async function sealTar(file: string, recipient: string, tar: Iterable<Uint8Array>): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const gzip = createGzip({ level: 1 });
  const compressed = pipeline(Readable.from(tar, { objectMode: false, highWaterMark: 1_048_576 }), gzip);
  const sealed = await encrypter.encrypt(Readable.toWeb(gzip) as never);
  await Promise.all([compressed, pipeline(Readable.fromWeb(sealed as never), createWriteStream(file))]);
}
