import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { after, describe, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { publicKeyOf } from "../../../lib/audit/checkpoint.ts";
import { formatVersion, type Manifest } from "../../../lib/backup/format.ts";
import { archiveEntries, verifyArchive } from "../../../lib/backup/read-archive.ts";
import { writeArchive } from "../../../lib/backup/write-archive.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { needs } from "../../deploy/support/tools.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-archive-"));
after(() => rmSync(directory, { recursive: true }));

const identity = await generateIdentity();
const recipients = [await identityToRecipient(identity)];
const key = createKeyring(newKey()).checkpointKey();
const manifest: Manifest = {
  ...{
    format: formatVersion,
    version: "0.1.0",
    createdAt: new Date(0).toISOString(),
    gateway: "stopped",
    postgres: "18",
  },
  ...{
    migration: { tag: "0000_ledgers", when: 1 },
    checkpoint: null,
    secrets: true,
    elsewhere: {},
    tables: {},
    sequences: {},
  },
};

let files = 0;
async function write(entries: readonly [string, Uint8Array][], options: { manifest?: object } = {}): Promise<string> {
  const file = join(directory, `${++files}.age`);
  await writeArchive(createWriteStream(file), { recipients, key }, async (archive) => {
    await archive.add("manifest.json", Buffer.from(JSON.stringify({ ...manifest, ...options.manifest })));
    for (const [name, bytes] of entries) await archive.add(name, bytes);
    return { inbox: 3 };
  });
  return file;
}

const large = Buffer.alloc(300_000, "a line of some text that is not the same \n");
const some: readonly [string, Uint8Array][] = [
  ["config/prompts/ops.md", Buffer.from("You help.\n")],
  ["config/empty", Buffer.alloc(0)],
  [`config/${"deep/".repeat(30)}file with a name that is longer than a tar header takes: ünïcode.md`, Buffer.from("x")],
  ["tables/inbox/00001.copy", large],
];

describe("an archive", () => {
  test("gives back every entry as it was, names, modes and bytes", async () => {
    const file = await write(some);
    const found: [string, string][] = [];
    for await (const { name, mode, bytes } of archiveEntries({ file, identity })) {
      const parts: Uint8Array[] = [];
      for await (const chunk of bytes) parts.push(chunk);
      found.push([name, Buffer.concat(parts).toString("base64")]);
      assert.equal(mode, 0o600);
    }
    const expected = some.map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
    assert.deepEqual(found.slice(1, -2), expected);
    const verified = await verifyArchive({ file, identity });
    assert.deepEqual(verified.contents.rows, { inbox: 3 });
    assert.equal(verified.publicKey, publicKeyOf(key).toString("base64url"));
  });

  test("is not opened by another identity, and the error says nothing of the one that was tried", async () => {
    const other = await generateIdentity();
    const file = await write(some);
    await assert.rejects(verifyArchive({ file, identity: other }), (thrown: Error) => {
      assert.match(thrown.message, /encrypted for others/);
      return !thrown.message.includes(other);
    });
  });

  test("that is cut off anywhere, or has one changed byte, is refused", async () => {
    const file = await write(some);
    const bytes = readFileSync(file);
    const spoilt = join(directory, "spoilt.age");
    const places = [0.1, 0.3, 0.5, 0.9, 0.999].map((part) => Math.floor(bytes.length * part));
    for (const at of [...places, bytes.length - 1]) {
      writeFileSync(spoilt, bytes.subarray(0, at));
      await assert.rejects(verifyArchive({ file: spoilt, identity }), /damaged or cut off|not whole/, `cut at ${at}`);
    }
    for (const at of places) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(spoilt, changed);
      await assert.rejects(verifyArchive({ file: spoilt, identity }), /damaged|not whole|others/, `changed at ${at}`);
    }
  });

  test("that was not ended, as by a writer that was killed, is refused", async () => {
    const file = join(directory, "unended.age");
    const { Encrypter } = await import("age-encryption");
    const { packTar } = await import("modern-tar");
    const { gzipSync } = await import("node:zlib");
    const tar = await packTar(
      [{ header: { name: "manifest.json", size: 0 }, body: JSON.stringify(manifest) }].map(({ body }) => ({
        header: { name: "manifest.json", size: body.length },
        body,
      })),
    );
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipients[0] ?? "");
    writeFileSync(file, await encrypter.encrypt(gzipSync(tar)));
    await assert.rejects(verifyArchive({ file, identity }), /contents\.json/);
  });

  test("by somebody else is told by its signature, where the key is known", async () => {
    const file = await write(some);
    const stranger = publicKeyOf(createKeyring(newKey()).checkpointKey()).toString("base64url");
    await assert.rejects(verifyArchive({ file, identity }, stranger), /signed by/);
    await verifyArchive({ file, identity }, publicKeyOf(key).toString("base64url"));
  });

  test("of a later format is refused with what to do", async () => {
    const file = await write([], { manifest: { format: formatVersion + 1 } });
    await assert.rejects(verifyArchive({ file, identity }), /with the version that made it, or a later one/);
  });

  test("whose recipient is none is refused with the recipient", async () => {
    await assert.rejects(
      writeArchive(new Writable(), { recipients: ["age1nonsense"], key }, async () => ({})),
      /age refuses the recipient "age1nonsense"/,
    );
  });

  test("rejects where its file cannot be written, and does not wait for ever", async () => {
    const sink = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("ENOSPC"), { syscall: "write" })),
    });
    const random = (await import("node:crypto")).randomBytes(20_000_000);
    const written = writeArchive(sink, { recipients, key }, async (archive) => {
      for (let part = 0; part < 5; part++) await archive.add(`tables/inbox/0000${part}.copy`, random);
      return {};
    });
    await assert.rejects(written, /ENOSPC/);
  });

  const { skip, why } = needs("age", "tar");
  test(`is opened by age and tar alone${why}`, { skip }, async () => {
    const file = await write(some);
    const keyFile = join(directory, "key.txt");
    writeFileSync(keyFile, `${identity}\n`, { mode: 0o600 });
    const list = execFileSync("sh", ["-c", 'age -d -i "$0" "$1" | tar tzf -', keyFile, file], { encoding: "utf8" });
    assert.deepEqual(list.trim().split("\n").slice(-3), ["tables/inbox/00001.copy", "contents.json", "signature.json"]);
    const table = execFileSync("sh", ["-c", 'age -d -i "$0" "$1" | tar xzOf - tables/inbox/00001.copy', keyFile, file]);
    assert.ok(table.equals(large));
  });
});
