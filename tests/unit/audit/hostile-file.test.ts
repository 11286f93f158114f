/** A checkpoint file that somebody made up: what is wrong with it is found, or told, and nothing else is thrown. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { appendCheckpoints } from "../../../lib/audit/checkpoint-file.ts";
import { verifyAudit } from "../../../lib/audit/verify.ts";
import { ClawError } from "../../../lib/errors.ts";
import { type SignedJournal, signedJournal } from "../../support/audit.ts";
import { mutated } from "../../support/mutate.ts";
import fc from "../../support/property.ts";

let journal: SignedJournal;
let copy: Awaited<ReturnType<SignedJournal["copy"]>>;
const directory = mkdtempSync(join(tmpdir(), "openclaw-hostile-file-"));
const file = join(directory, "checkpoints.jsonl");
before(async () => {
  journal = await signedJournal();
  copy = await journal.copy();
});
after(async () => {
  await copy.drop();
  await journal.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** Whether anything is wrong with the file. */
async function isFound(lines: readonly string[]): Promise<boolean> {
  writeFileSync(file, lines.join("\n"));
  try {
    return !(await verifyAudit(copy.sql, { key: journal.key, checkpointMinutes: 60, file })).whole;
  } catch (thrown) {
    assert.ok(thrown instanceof ClawError, thrown instanceof Error ? thrown.stack : String(thrown));
    return true;
  }
}

const lines = (): string[] => readFileSync(journal.file, "utf8").trimEnd().split("\n");
const odd: Record<string, (line: string) => string> = {
  "a number beyond every column": (line) => line.replace(/"number":\d+/, '"number":9007199254740991'),
  "as many rows as no run has": (line) => line.replace(/",\d+,"/, '",9007199254740991,"'),
  "a nesting without end": () => `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
  "a line of megabytes": () => `"${"x".repeat(20_000_000)}`,
  "a year beyond every date": (line) => line.replace(/"at":"[^"]*"/, '"at":"9999-12-31T23:59:59.999Z"'),
  "bytes that are no text": () => "\ufffd\0\x1b[2J",
};
for (const [what, change] of Object.entries(odd))
  test(`${what} in a checkpoint file is found, and the file is left as it is`, async () => {
    const all = lines();
    const changed = [...all.slice(0, -1), change(all.at(-1) ?? "")];
    assert.ok(await isFound(changed));
    const before = `${changed.join("\n")}\n`;
    writeFileSync(file, before);
    await appendCheckpoints(copy.sql, file).catch((thrown: unknown) =>
      assert.ok(thrown instanceof ClawError, String(thrown)),
    );
    assert.equal(readFileSync(file, "utf8"), before);
  });

test("any change of a line is found, or makes no difference", async () => {
  const all = lines();
  const samples = all.map((line) => JSON.parse(line) as object);
  await fc.assert(
    fc.asyncProperty(mutated(samples), fc.nat(all.length), async (line, at) => {
      await isFound(all.toSpliced(at, 1, JSON.stringify(line) ?? ""));
    }),
    { numRuns: 150 },
  );
  assert.equal(await isFound(all), false);
});
