import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { examine, lineOf } from "./support.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-files-"));
after(() => rmSync(directory, { recursive: true }));

/** What is said of a data_dir. */
const said = async (dataDir: string): Promise<string> => {
  const edit = (toml: string): string => `data_dir = ${JSON.stringify(dataDir)}\n${toml.replace(/^data_dir.*$/m, "")}`;
  return lineOf(await examine({ edit }, ["files.data_dir"]), "files.data_dir");
};

test("a data_dir may be there, or be made when it is needed", async () => {
  assert.equal(await said(directory), `ok: ${directory} can be written to`);
  const fresh = join(directory, "new", "deep");
  assert.equal(await said(fresh), `ok: ${fresh} is made when it is needed`);
});

test("a file where the folder is, or would be made, is told as such", async () => {
  const file = join(directory, "file");
  writeFileSync(file, "");
  const remedy = "-> move it away, or name another data_dir";
  assert.equal(await said(file), `fail: ${file} is no folder ${remedy}`);
  assert.equal(await said(join(file, "a", "b")), `fail: ${file} is no folder ${remedy}`);
});

const root = process.getuid?.() === 0;
test("one that is not this user's is told with its owner", { skip: root && "to root everything is open" }, async () => {
  const locked = join(directory, "locked");
  mkdirSync(locked);
  chmodSync(locked, 0o500);
  assert.match(
    await said(join(locked, "data")),
    /^fail: \S+locked cannot be written to by user \d+, and \S+data is to be made there ->/,
  );
});
