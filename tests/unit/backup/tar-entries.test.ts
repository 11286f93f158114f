import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packTar } from "modern-tar";
import { tarEntries } from "../../../lib/backup/tar-entries.ts";
import { tarEntry, tarHeader } from "../../support/hostile-archive.ts";
import fc from "../../support/property.ts";

interface Read {
  readonly name: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

async function* cutUp(tar: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < tar.length; at += size) yield tar.subarray(at, at + size);
}

async function readAll(tar: Uint8Array, chunk = 4096): Promise<Read[]> {
  const found: Read[] = [];
  for await (const { name, mode, size, bytes } of tarEntries(cutUp(tar, chunk))) {
    const parts: Uint8Array[] = [];
    for await (const part of bytes) parts.push(part);
    assert.equal(Buffer.concat(parts).length, size);
    found.push({ name, mode, bytes: Buffer.concat(parts) });
  }
  return found;
}

const pack = (entries: readonly Read[]): Promise<Uint8Array> =>
  packTar(entries.map(({ name, mode, bytes }) => ({ header: { name, mode, size: bytes.length }, body: bytes })));

const word = fc
  .string({ unit: fc.oneof(fc.constantFrom("a", "ü", "☃", "😀", " ", "=", "\n", "."), fc.string({ maxLength: 1 })) })
  .map((text) => `x${text.replaceAll(/[\0/]/g, "")}`)
  .filter((text) => text.isWellFormed());
const entry = fc.record({
  name: fc
    .array(fc.tuple(word, fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.map(([text, times]) => text.repeat(times)).join("/"))
    .filter((name) => Buffer.byteLength(name) < 4096),
  mode: fc.constantFrom(0o600, 0o644, 0o755),
  bytes: fc
    .oneof(fc.constantFrom(0, 1, 511, 512, 513, 1024), fc.nat(3000))
    .map((size) => Buffer.alloc(size, "some bytes\0")),
});

describe("a tar file as we write it", () => {
  test("is read as it was, whatever its names and sizes and wherever its chunks end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), async (entries, chunk) => {
        const expected = entries.map((each) => ({ ...each }));
        assert.deepEqual(await readAll(await pack(entries), chunk), expected);
      }),
    );
  });

  test("is given entry by entry also to who does not read them to their end", async () => {
    const tar = await pack(["a", "b", "c"].map((name) => ({ name, mode: 0o600, bytes: Buffer.alloc(2000, name) })));
    const first: string[] = [];
    for await (const { bytes } of tarEntries(cutUp(tar, 700)))
      for await (const part of bytes) {
        first.push(Buffer.from(part).toString("utf8", 0, 1));
        break;
      }
    assert.deepEqual(first, ["a", "b", "c"]);
  });

  test("is refused where it is cut off, be it before its last byte, or goes on after its end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 3 }), fc.nat(), async (entries, any) => {
        const tar = await pack(entries);
        await assert.rejects(readAll(tar.subarray(0, any % tar.length)), /ends too early/);
        await assert.rejects(readAll(Buffer.concat([tar, Buffer.alloc(1 + (any % 2000))])), /its end is wrong/);
      }),
    );
  });
});

describe("another tar file is refused", () => {
  const tar = (...parts: Iterable<Uint8Array>[]): Buffer => Buffer.concat(parts.flatMap((part) => [...part]));
  const changed = (at: number, text: string, valid = true): Buffer => {
    const header = tarHeader("a", 0);
    header.write(text, at, "latin1");
    header.write("        ", 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${(valid ? sum : sum + 1).toString(8).padStart(6, "0")}\0 `, 148);
    return header;
  };
  const kind = /an entry of a kind or size that no backup has/;
  const claims = 8 * 1024 ** 3 - 512;
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ["with a pax header that claims gigabytes", tarHeader("x", claims, "x"), kind],
    ["with a long name of GNU's", tar(tarEntry("x", Buffer.alloc(200, "n"), "L")), kind],
    ["with a pax header for all that follows", tar(tarEntry("x", Buffer.from("8 path=a\n"), "g")), kind],
    [
      "with two pax headers for one entry",
      tar(...[1, 2].map(() => tarEntry("x", Buffer.from("9 path=a\n"), "x"))),
      kind,
    ],
    ["with a link", tar(tarEntry("a", Buffer.alloc(0), "2")), kind],
    ["with a folder", tar(tarEntry("a", Buffer.alloc(0), "5")), kind],
    ["with a size in a pax header", tar(tarEntry("x", Buffer.from("9 size=1\n"), "x")), /not a path/],
    ["with a pax header of the wrong length", tar(tarEntry("x", Buffer.from("8 path=a\n"), "x")), /not a path/],
    [
      "with a pax header and no entry",
      tar(tarEntry("x", Buffer.from("9 path=a\n"), "x"), [Buffer.alloc(1024)]),
      /its end/,
    ],
    ["with a size in base 256", changed(124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), /a number that is none/],
    ["whose checksum is wrong", changed(100, "0000600", false), /no tar header/],
    ["of before ustar", changed(257, "\0\0\0\0\0\0\0\0"), /no tar header/],
    ["with one zero block at its end", Buffer.concat([Buffer.alloc(512), tarHeader("a", 0)]), /its end is wrong/],
  ];
  for (const [how, bytes, told] of cases) test(how, () => assert.rejects(readAll(bytes), told));
});
