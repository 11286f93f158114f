import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { needs } from "../../deploy/support/tools.ts";
import { output, runToEnd } from "../../deploy/support/command.ts";
import { releaseChangelog } from "../../release/release-changelog.ts";

const root = join(import.meta.dirname, "../../..");
const before =
  "# Changelog\n\nBy area.\n\n## 0.2.0 (unreleased)\n\n- **config**: a key.\n\n## 0.1.0 (2026-11-29)\n\n- all\n";

test("what is unreleased becomes the version's, and what was before stays", () => {
  assert.equal(
    releaseChangelog(before, "1.0.0", "2026-12-24"),
    before.replace("0.2.0 (unreleased)", "1.0.0 (2026-12-24)"),
  );
  assert.match(
    releaseChangelog("# Changelog\n\n## (unreleased)\n\n- x\n", "1.0.0", "2026-12-24") ?? "",
    /^## 1\.0\.0 \(2026-12-24\)$/m,
  );
});

test("nothing is released of which nothing is told", () => {
  assert.equal(releaseChangelog("# Changelog\n\n## 0.1.0 (2026-11-29)\n\n- all\n", "0.2.0", "2026-12-24"), undefined);
  assert.equal(
    releaseChangelog("# Changelog\n\n## (unreleased)\n\n## 0.1.0 (2026-11-29)\n\n- all\n", "0.2.0", "2026-12-24"),
    undefined,
  );
  assert.equal(releaseChangelog("# Changelog\n", "0.2.0", "2026-12-24"), undefined);
});

test("this project's changelog can be released, or was", () => {
  const text = readFileSync(join(root, "CHANGELOG.md"), "utf8");
  assert.match(text, /^## (\S+ )?\((unreleased|\d{4}-\d\d-\d\d)\)$/m);
});

const { skip, why } = needs("git", "npm");
test(`npm version changes the version and the changelog in one tagged commit, or nothing${why}`, { skip }, async () => {
  const home = mkdtempSync(join(tmpdir(), "openclaw-release-"));
  const directory = join(home, "project");
  const git = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost"];
  const env = {
    PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
    HOME: home,
    ...{ GIT_AUTHOR_NAME: "Test", GIT_AUTHOR_EMAIL: "test@localhost" },
    ...{ GIT_COMMITTER_NAME: "Test", GIT_COMMITTER_EMAIL: "test@localhost" },
  };
  try {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: { version: string; preversion: string };
    };
    const { version, preversion } = manifest.scripts;
    // The first of its checks; the others are the whole test suite.
    const [first] = preversion.split(" && ");
    mkdirSync(directory);
    const small = {
      name: "small",
      version: "0.1.0",
      private: true,
      type: "module",
      scripts: { version, preversion: first },
    };
    writeFileSync(join(directory, "package.json"), JSON.stringify(small));
    writeFileSync(join(directory, "CHANGELOG.md"), before);
    cpSync(join(root, "tests/release"), join(directory, "tests/release"), { recursive: true });
    for (const argv of [
      ["init", "--quiet"],
      ["add", "."],
      ["commit", "--quiet", "--message", "all"],
    ])
      await output([...git, ...argv], env, directory);

    const release = ["npm", "version", "minor", "--message", "project: release %s"];
    await output(release, env, directory);
    const shown = await output([...git, "show", "v0.2.0", "--format=%s"], env, directory);
    assert.match(shown, /project: release 0\.2\.0/);
    assert.match(shown, /^\+.*"version":"0\.2\.0"/m);
    assert.match(shown, /\+## 0\.2\.0 \(\d{4}-\d\d-\d\d\)/);

    const again = await runToEnd(release, env, directory);
    assert.notEqual(again.code, 0);
    assert.match(again.errors, /tells nothing new/);
    assert.equal(await output([...git, "tag"], env, directory), "v0.2.0");
    assert.equal(await output([...git, "status", "--porcelain"], env, directory), "");
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
