/** Archives that somebody hands to the operator: what they claim is not believed, and costs no memory. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { formatVersion } from "../../../lib/backup/format.ts";
import { verifyArchive } from "../../../lib/backup/read-archive.ts";
import { repeated, sealTar, tarEntry, tarHeader } from "../../support/hostile-archive.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-hostile-"));
after(() => rmSync(directory, { recursive: true }));

const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);
const identityFile = join(directory, "key.txt");
writeFileSync(identityFile, `${identity}\n`, { mode: 0o600 });

const whole = {
  ...{ format: formatVersion, version: "0.1.0", createdAt: new Date(0).toISOString(), gateway: "stopped" },
  ...{ postgres: "18", migration: { tag: "0000_ledgers", when: 1 }, checkpoint: null, secrets: true },
  ...{ elsewhere: {}, tables: {}, sequences: {} },
};
const manifest = (more: object = {}): Iterable<Uint8Array> =>
  tarEntry("manifest.json", Buffer.from(JSON.stringify({ ...whole, ...more })));

let files = 0;
async function seal(...parts: Iterable<Uint8Array>[]): Promise<string> {
  const file = join(directory, `${++files}.age`);
  await sealTar(
    file,
    recipient,
    (function* () {
      for (const part of parts) yield* part;
    })(),
  );
  return file;
}

const gigabyte = 1024 ** 3;

/** An empty file, by a path as long as there are. */
const longNamed = Buffer.concat([
  ...tarEntry("x", Buffer.from(`4104 path=${"n".repeat(4104 - 11)}\n`), "x"),
  tarHeader("x", 0),
]);

describe("an archive is refused before it is read on", () => {
  const cases: readonly (readonly [string, readonly Iterable<Uint8Array>[], RegExp])[] = [
    ["whose manifest claims gigabytes", [[tarHeader("manifest.json", gigabyte)]], /manifest\.json .*too large/],
    [
      "whose contents claim gigabytes",
      [manifest(), [tarHeader("contents.json", gigabyte)]],
      /contents\.json .*too large/,
    ],
    // Three entries, and a list of thousands.
    ["whose contents are more than its entries", [manifest(), [tarHeader("contents.json", 100_000)]], /too large/],
    [
      "whose signature claims gigabytes",
      [manifest(), [tarHeader("signature.json", gigabyte)]],
      /signature\.json .*too large/,
    ],
    [
      "that does not begin with a manifest",
      [[tarHeader("config/openclaw.toml", gigabyte)]],
      /does not begin with a manifest/,
    ],
    ["with two manifests", [manifest(), manifest()], /manifest\.json too many/],
    [
      "whose manifest is no JSON",
      [tarEntry("manifest.json", Buffer.from("{"))],
      /manifest\.json is not of this format/,
    ],
    [
      "whose manifest is nothing",
      [tarEntry("manifest.json", Buffer.from("null"))],
      /manifest\.json is not of this format/,
    ],
    [
      "of another manifest",
      [manifest({ secrets: "yes" }), [tarHeader("a", gigabyte)]],
      /manifest\.json is not of this format/,
    ],
    ["whose version has lines of its own", [manifest({ version: "1.0.0\nSigned by you." })], /not of this format/],
    [
      "with too many entries",
      [manifest(), repeated(longNamed, 1500 * longNamed.length), [tarHeader("x", gigabyte)]],
      /too many entries/,
    ],
  ];
  for (const [how, parts, told] of cases)
    test(how, async () => {
      const file = await seal(...parts);
      await assert.rejects(verifyArchive({ file, identity }), { name: "ClawError", message: told });
    });

  test("that is no file of age's, however long its first line is", async () => {
    const file = join(directory, "endless.age");
    writeFileSync(file, "age-encryption.org/v1\n-> X25519 ");
    truncateSync(file, 400_000);
    await assert.rejects(verifyArchive({ file, identity }), /does not begin as a file of age does/);
  });
});

/** The most memory that `claw backup verify` had, in megabytes. */
async function peak(file: string): Promise<number> {
  const tell = `process.on("exit", () => process.stderr.write(process.getBuiltinModule("fs").readFileSync("/proc/self/status", "utf8")))`;
  const child = spawn(
    process.execPath,
    [
      ...["--import", `data:text/javascript,${encodeURIComponent(tell)}`],
      ...[
        join(import.meta.dirname, "../../../functions/claw.ts"),
        "backup",
        "verify",
        file,
        "--identity",
        identityFile,
      ],
    ],
    { env: { PATH: process.env["PATH"] }, stdio: ["ignore", "ignore", "pipe"] },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 1, errors);
  return Number(/VmHWM:\s+(\d+) kB/.exec(errors)?.[1]) / 1024;
}

test("one that would be large in memory is not", { skip: process.platform !== "linux" && "reads /proc" }, async () => {
  const size = gigabyte / 2;
  const bomb = await seal([tarHeader("manifest.json", size)], repeated(Buffer.from(" "), size), [Buffer.alloc(1024)]);
  const endless = join(directory, "large.age");
  writeFileSync(endless, "age-encryption.org/v1\n-> X25519 ");
  truncateSync(endless, size);
  // A claw that does nothing has 110 or so.
  for (const file of [bomb, endless]) assert.ok((await peak(file)) < 300, file);
});
