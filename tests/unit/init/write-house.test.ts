import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { HouseFile } from "../../../lib/init/house.ts";
import { refuseFolder, writeHouse } from "../../../lib/init/write-house.ts";
import { needs } from "../../deploy/support/tools.ts";
import { folder } from "./support.ts";

const files: readonly HouseFile[] = [
  { path: "prompts/ops.md", mode: 0o644, text: "You are Ops.\n" },
  { path: "credentials/openclaw-key", mode: 0o600, text: "canary\n" },
  { path: ".env", mode: 0o600, text: "OPENCLAW_KEY=canary\n" },
  { path: "openclaw.toml", mode: 0o644, text: "# config\n" },
];
const all = [".env", "credentials", "credentials/openclaw-key", "openclaw.toml", "prompts", "prompts/ops.md"];
const tree = (directory: string): string[] => readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();

test("all files are there, with their modes and those of their folders whatever the umask is, and nothing else", (t) => {
  const parent = folder(t);
  const directory = join(parent, "new", "config");
  const before = process.umask(0o077);
  try {
    writeHouse(directory, files, () => {});
  } finally {
    process.umask(before);
  }
  assert.deepEqual(tree(directory), all);
  for (const { path, mode, text } of files) {
    assert.equal(statSync(join(directory, path)).mode & 0o777, mode, path);
    assert.equal(readFileSync(join(directory, path), "utf8"), text);
  }
  assert.equal(statSync(join(directory, "credentials")).mode & 0o777, 0o700);
  // A container's user, or a service's, has to find the config in it.
  for (const made of [join(parent, "new"), directory, join(directory, "prompts")])
    assert.equal(statSync(made).mode & 0o777, 0o755, made);
});

describe("nothing is written", () => {
  test("where the config will not load: the folders that were made for it are gone as well", (t) => {
    const parent = folder(t);
    assert.throws(
      () =>
        writeHouse(join(parent, "a", "b"), files, (aside) => {
          assert.deepEqual(tree(aside), all);
          assert.equal(statSync(aside).mode & 0o777, 0o700);
          throw new Error("will not do");
        }),
      /will not do/,
    );
    assert.deepEqual(tree(parent), []);
  });

  test("where one of the files is there already, also when it comes meanwhile", (t) => {
    const directory = folder(t);
    writeFileSync(join(directory, ".env"), "OPENCLAW_KEY=mine\n");
    assert.throws(
      () => refuseFolder(directory, false),
      /has \.env already, and nothing was changed: move what you need/,
    );
    assert.throws(() => writeHouse(directory, files, () => {}), /has \.env already/);
    assert.deepEqual(tree(directory), [".env"]);

    const other = folder(t);
    mkdirSync(join(other, "prompts"));
    const meanwhile = (): void => writeFileSync(join(other, "openclaw.toml"), "# theirs\n");
    assert.throws(() => writeHouse(other, files, meanwhile), /cannot be written \(EEXIST\), and nothing was/);
    assert.deepEqual(tree(other), ["openclaw.toml", "prompts"]);
    assert.equal(readFileSync(join(other, "openclaw.toml"), "utf8"), "# theirs\n");
    assert.throws(() => refuseFolder(other, false), /has openclaw\.toml already, .*: edit it/);
  });

  test("where a file stands in the way, which is said before anybody is asked", (t) => {
    const parent = folder(t);
    writeFileSync(join(parent, "file"), "");
    assert.throws(() => writeHouse(join(parent, "file", "config"), files, () => {}), /cannot be written \(ENOTDIR\)/);
    for (const directory of [join(parent, "file"), join(parent, "file", "new", "config")])
      assert.throws(() => refuseFolder(directory, false), /cannot be written \(ENOTDIR\), and nothing was/);
    assert.deepEqual(tree(parent), ["file"]);
  });

  test("where this user may not write, which is said before anybody is asked", (t) => {
    const parent = folder(t);
    const user = process.geteuid?.();
    chmodSync(parent, 0o555);
    try {
      // To root everything is open.
      if (user === 0) process.seteuid?.(65_534);
      assert.throws(() => refuseFolder(join(parent, "config"), false), /config cannot be written \(EACCES\)/);
    } finally {
      if (user === 0) process.seteuid?.(0);
      chmodSync(parent, 0o700);
    }
    refuseFolder(join(parent, "config"), false);
  });

  const git = needs("git");
  test(`where git could commit the secrets${git.why}`, { skip: git.skip }, (t) => {
    const parent = folder(t);
    execFileSync("git", ["init", "-q", parent]);
    const directory = join(parent, "config");
    for (const refuse of [() => refuseFolder(directory, false), () => writeHouse(directory, files, () => {})])
      assert.throws(refuse, /git work tree .* could be committed in the clear/);
    assert.ok(!existsSync(directory));
    writeFileSync(join(parent, ".gitignore"), "/config/\n");
    symlinkSync(directory, join(parent, "link"));
    refuseFolder(directory, true);
    writeHouse(directory, files, () => {});
    assert.deepEqual(tree(directory), all);
  });
});
