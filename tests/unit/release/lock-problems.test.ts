import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Lock, type LockEntry, lockProblems, type Manifest } from "../../release/lock-problems.ts";

const root = join(import.meta.dirname, "../../..");
const integrity = `sha512-${"A".repeat(86)}==`;
const registry = "https://registry.npmjs.org";

const manifest: Manifest = {
  dependencies: { good: "1.2.3" },
  devDependencies: { hooked: "2.0.0-beta.1" },
  overrides: { native: "npm:portable@3.0.0" },
  allowScripts: { hooked: true },
};
const packages: Readonly<Record<string, LockEntry>> = {
  "": {},
  "node_modules/good": { version: "1.2.3", integrity, resolved: `${registry}/good/-/good-1.2.3.tgz` },
  "node_modules/good/node_modules/native": { name: "portable", version: "3.0.0", integrity },
  "node_modules/hooked": { version: "2.0.0-beta.1", integrity, hasInstallScript: true },
};
const withPackage = (path: string, entry: LockEntry): Lock => ({
  lockfileVersion: 3,
  packages: { ...packages, [path]: entry },
});

test("a lock of packages of the registry by their hashes has no problem, and this project's is such a lock", () => {
  assert.deepEqual(lockProblems({ lockfileVersion: 3, packages }, manifest), []);
  const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));
  assert.deepEqual(lockProblems(read("package-lock.json") as Lock, read("package.json") as Manifest), []);
});

const bad: readonly (readonly [title: string, path: string, entry: LockEntry, problem: RegExp])[] = [
  ["without a hash", "node_modules/bad", { version: "1.0.0" }, /bad has no SHA-512/],
  ["with a weak hash", "node_modules/bad", { version: "1.0.0", integrity: "sha1-AAAA" }, /bad has no SHA-512/],
  ["of a git repository", "node_modules/bad", { resolved: "git+ssh://git@git.example/a.git#1" }, /comes from git\+ssh/],
  [
    "of another host",
    "node_modules/bad",
    { integrity, resolved: "https://files.example/bad.tgz" },
    /comes from https:\/\/files/,
  ],
  ["that is a folder", "node_modules/bad", { link: true, resolved: "../bad" }, /is a link/],
  [
    "with a hook nobody read",
    "node_modules/@a/bad",
    { integrity, hasInstallScript: true },
    /^@a\/bad has an install hook/,
  ],
  [
    "that escapes its override",
    "node_modules/native",
    { version: "1.0.0", integrity },
    /native is native 1\.0\.0, where/,
  ],
  [
    "of another version than its override",
    "node_modules/native",
    { name: "portable", version: "2.9.9", integrity },
    /portable 2\.9\.9/,
  ],
];
for (const [title, path, entry, problem] of bad)
  test(`a package ${title} is refused`, () => {
    const problems = lockProblems(withPackage(path, entry), manifest);
    assert.ok(problems.length > 0 && problems.some((line) => problem.test(line)), problems.join("\n"));
  });

test("a range of versions, a hook that is gone and an override that replaces nothing are refused", () => {
  const loose: Manifest = {
    dependencies: { good: "^1.2.3" },
    overrides: { gone: "npm:portable@3.0.0" },
    allowScripts: { hooked: true, good: true },
  };
  assert.deepEqual(lockProblems({ lockfileVersion: 3, packages }, loose), [
    "package.json wants good ^1.2.3: name one exact version",
    "allowScripts names good, which has no install hook in the lock: remove it",
    "nothing needs gone any more: remove its override",
  ]);
});

test("a lock of another version, or an empty one, is refused", () => {
  assert.equal(lockProblems({ lockfileVersion: 2, packages }, manifest).length, 1);
  assert.equal(lockProblems({ lockfileVersion: 3 }, { dependencies: { good: "1.2.3" } }).length, 1);
});
