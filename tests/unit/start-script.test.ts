import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

const root = join(import.meta.dirname, "../..");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } };
const start = scripts.start.replace(/^exec node /, "").split(" ");

/** Starts in a home; it ends for want of a config, when it has loaded all that it starts with. Gives what of Node it loaded. */
function loadedByStart(home: string, more: Record<string, string> = {}): Promise<string[]> {
  const environment = { PATH: process.env["PATH"], HOME: home, OPENCLAW_CONFIG: join(home, "none.toml"), ...more };
  const tell = `process.on("exit", () => process.stdout.write(JSON.stringify(process.moduleLoadList)))`;
  const argv = ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, ...start];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { cwd: root, env: environment, maxBuffer: 1e7 }, (error, stdout, stderr) => {
      if (error?.code === 78) resolve(JSON.parse(stdout) as string[]);
      else reject(new Error(`the start ended with ${error?.code}: ${stderr}`));
    });
  });
}

function homeFor(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), "openclaw-start-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

test("a second start by npm start takes all sources from the compile cache, and loads no type stripper", async (t) => {
  const home = homeFor(t);
  const stripper = "NativeModule internal/deps/amaro/dist/index";
  assert.ok((await loadedByStart(home)).includes(stripper), "the first start must load it, or this test shows nothing");
  assert.ok(!(await loadedByStart(home)).includes(stripper));
  assert.deepEqual(readdirSync(join(home, ".cache", "openclaw")), ["compiled"]);
});

const asRoot = process.getuid?.() === 0;
test(
  `compiled code is kept nowhere but in a home of one's own${asRoot ? "" : " (skipped: only root can give a folder away)"}`,
  { skip: !asRoot },
  async (t) => {
    const [home, shared] = [homeFor(t), homeFor(t)];
    chownSync(home, 65534, 65534);
    await loadedByStart(home, { TMPDIR: shared });
    // Of which nothing can be known: here its name is too long.
    await loadedByStart(`/${"x".repeat(300)}`, { TMPDIR: shared, OPENCLAW_CONFIG: join(shared, "none.toml") });
    await loadedByStart("", { TMPDIR: shared, OPENCLAW_CONFIG: join(shared, "none.toml") });
    assert.deepEqual([readdirSync(home), readdirSync(shared)], [[], []]);
  },
);
