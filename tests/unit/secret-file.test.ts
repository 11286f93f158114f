import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { writeSecretFile } from "../../lib/secret-file.ts";
import { needs } from "../deploy/support/tools.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-secret-file-"));
after(() => rmSync(directory, { recursive: true }));

function repository(name: string): { tree: string; git: (...argv: string[]) => string } {
  const tree = join(directory, name);
  mkdirSync(tree);
  const git = (...argv: string[]): string => execFileSync("git", ["-C", tree, ...argv], { encoding: "utf8" });
  git("init", "-q");
  git("config", "user.email", "test@home.example");
  git("config", "user.name", "test");
  return { tree, git };
}

test("a file with secrets is its owner's alone, or its group's if asked, and is not replaced unasked", () => {
  const file = join(directory, "deep", "secret");
  writeSecretFile(file, "one", false);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.throws(() => writeSecretFile(file, "two", false), /is there already/);
  writeSecretFile(file, "two", true, 0o640);
  assert.equal(readFileSync(file, "utf8"), "two");
  assert.equal(statSync(file).mode & 0o777, 0o640);
});

test("what the system refuses is said in words", () => {
  const file = join(directory, "plain");
  writeFileSync(file, "");
  assert.throws(
    () => writeSecretFile(join(file, "secret"), "x", false),
    /^ClawError: .*plain\/secret cannot be written: EEXIST: .*plain'$/,
  );
  const folder = join(directory, "folder");
  mkdirSync(folder);
  assert.throws(() => writeSecretFile(folder, "x", true), /folder cannot be written: EISDIR/);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith(".new")),
    [],
    "no secret is left behind",
  );
});

test("it is not written into a git work tree, nor through a link into one", () => {
  const tree = join(directory, "tree");
  mkdirSync(join(tree, ".git"), { recursive: true });
  symlinkSync(tree, join(directory, "link"));
  for (const place of [join(tree, "x"), join(tree, "new", "x"), join(directory, "link", "x")])
    assert.throws(() => writeSecretFile(place, "x", true), /git work tree .*\.gitignore.*git-crypt/);
});

const git = needs("git");
describe(`in a git work tree${git.why}`, { skip: git.skip }, () => {
  test("what git ignores may be written, also through a link; what is tracked all the same may not", () => {
    const { tree, git } = repository("ignored");
    writeFileSync(join(tree, ".gitignore"), "/config/\n.env\n");
    mkdirSync(join(tree, "config"));
    symlinkSync(tree, join(directory, "ignored-link"));
    for (const place of ["config/.env", "config/new/deep", ".env", "../ignored-link/config/x"])
      assert.equal(readFileSync(writeSecretFile(join(tree, place), place, false), "utf8"), place);
    assert.throws(() => writeSecretFile(join(tree, "config.env"), "x", false), /git work tree/);
    git("add", "-f", "config/.env");
    assert.throws(() => writeSecretFile(join(tree, "config/.env"), "x", true), /git work tree/);
  });

  const crypt = needs("git-crypt");
  test(`what git-crypt encrypts may be written, once it is set up${crypt.why}`, { skip: crypt.skip }, () => {
    const { tree, git } = repository("crypt");
    writeFileSync(join(tree, ".gitattributes"), "/secrets/** filter=git-crypt diff=git-crypt\n");
    const file = join(tree, "secrets", ".env");
    assert.throws(() => writeSecretFile(file, "x", false), /git work tree/, "the attribute alone encrypts nothing");
    execFileSync("git-crypt", ["init"], { cwd: tree, stdio: "ignore" });
    writeSecretFile(file, "OPENCLAW_KEY=canary-in-git\n", false);
    git("add", ".");
    git("commit", "-qm", "secrets");
    const stored = execFileSync("git", ["-C", tree, "cat-file", "blob", "HEAD:secrets/.env"]);
    assert.ok(stored.includes("GITCRYPT") && !stored.includes("canary-in-git"));
    assert.throws(() => writeSecretFile(join(tree, "other"), "x", false), /git work tree/);
  });
});
