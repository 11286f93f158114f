import assert from "node:assert/strict";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEnvFile } from "../../../lib/config/environment.ts";
import { setInEnvFile } from "../../../lib/config/env-file.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-env-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, ".env");

test("values are set where they stand, new ones at the end, and every other line stays as it is", () => {
  writeFileSync(file, "# of the house\nONE=1\n\nexport TWO='two words'\n#ONE=off\nONEMORE=x", { mode: 0o644 });
  setInEnvFile(file, { ONE: "uno", TWO: "", THREE: "a-b_c.d/e:f@g%h+i=j," });
  const text = "# of the house\nONE=uno\n\nTWO=\n#ONE=off\nONEMORE=x\nTHREE=a-b_c.d/e:f@g%h+i=j,\n";
  assert.equal(readFileSync(file, "utf8"), text);
  assert.deepEqual({ ...readEnvFile(file) }, { ONE: "uno", TWO: "", ONEMORE: "x", THREE: "a-b_c.d/e:f@g%h+i=j," });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory), [".env"]);
});

test("a link stays one: what it leads to is changed, unless git could commit that", () => {
  const [link, tree] = [join(directory, "link.env"), join(directory, "tree")];
  writeFileSync(file, "A=1\n");
  symlinkSync(".env", link);
  setInEnvFile(link, { A: "2" });
  assert.equal(readlinkSync(link), ".env");
  assert.equal(readFileSync(file, "utf8"), "A=2\n");
  mkdirSync(join(tree, ".git"), { recursive: true });
  writeFileSync(join(tree, "secrets.env"), "A=1\n");
  rmSync(link);
  symlinkSync("tree/secrets.env", link);
  assert.throws(() => setInEnvFile(link, { A: "2" }), /secrets\.env is inside the git work tree/);
  assert.equal(readFileSync(link, "utf8"), "A=1\n");
});

test("a name that every object has is a name like another", () => {
  writeFileSync(file, "constructor=1\n");
  setInEnvFile(file, { A: "2" });
  assert.equal(readFileSync(file, "utf8"), "constructor=1\nA=2\n");
});

test("a value that readers would take in different ways changes nothing", () => {
  writeFileSync(file, "A=1\n");
  for (const value of ["two words", "a#b", "$HOME", '"q"', "a\nB=2", "ä"])
    assert.throws(() => setInEnvFile(file, { A: value }), { code: "bad_request" }, value);
  assert.equal(readFileSync(file, "utf8"), "A=1\n");
});

test("a file that is not there is not made", () => {
  assert.throws(() => setInEnvFile(join(directory, "none", ".env"), { A: "1" }), { code: "environment" });
  assert.throws(() => setInEnvFile(join(directory, "none.env"), { A: "1" }), /none\.env cannot be written: ENOENT/);
});

test("the file keeps its owner", { skip: process.getuid?.() !== 0 && "only root can give a file away" }, () => {
  writeFileSync(file, "A=1\n");
  chownSync(file, 10001, 10001);
  setInEnvFile(file, { A: "2" });
  const { uid, gid } = statSync(file);
  assert.deepEqual([uid, gid], [10001, 10001]);
});
