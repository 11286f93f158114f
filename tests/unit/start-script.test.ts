import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } };
const start = scripts.start.replace(/^exec node /, "").split(" ");

test("a second start by npm start takes all sources from the compile cache, and loads no type stripper", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-start-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tell = `process.on("exit", () => process.stdout.write(JSON.stringify(process.moduleLoadList)))`;
  // It ends for want of a config, when it has loaded all that it starts with.
  const loaded = (): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const environment = { PATH: process.env["PATH"], TMPDIR: folder, OPENCLAW_CONFIG: join(folder, "none.toml") };
      const argv = ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, ...start];
      execFile(process.execPath, argv, { cwd: root, env: environment, maxBuffer: 1e7 }, (error, stdout, stderr) => {
        if (error?.code === 78) resolve(JSON.parse(stdout) as string[]);
        else reject(new Error(`the start ended with ${error?.code}: ${stderr}`));
      });
    });
  const stripper = "NativeModule internal/deps/amaro/dist/index";
  assert.ok((await loaded()).includes(stripper), "the first start must load it, or this test shows nothing");
  assert.ok(!(await loaded()).includes(stripper));
});
