import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadOwnTools } from "../../../lib/tools/own.ts";
import { call } from "./support.ts";

/** A config with a folder of these files. */
function config(t: TestContext, files: Record<string, string>, toml = 'tools_dir = "tools"\n'): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-own-"));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "tools"));
  writeFileSync(join(directory, "openclaw.toml"), toml);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, "tools", name), text);
  return join(directory, "openclaw.toml");
}

const tool = (name: string, facts = 'labels: [], effect: "idempotent", timeoutMs: 100, outputLimit: 10,'): string =>
  `export default ({ defineTool, z }) => defineTool({ name: "${name}", description: "Does it.", input: z.strictObject({}), ${facts} run: async () => "done" });`;

test("the example of docs/tools.md is 20 lines at most, is loaded and runs", async (t) => {
  const docs = readFileSync(join(import.meta.dirname, "../../../docs/tools.md"), "utf8");
  const text = /```ts\n(import \{ statfs[\s\S]*?)```/.exec(docs)?.[1] ?? "";
  assert.ok(text.trim().split("\n").length <= 20);
  const [made] = await loadOwnTools(config(t, { "disk-free.ts": text }), []);
  assert.deepEqual([made?.name, made?.labels, made?.effect], ["disk_free", ["private"], "idempotent"]);
  assert.match(await call(made, { mount: "/tmp" }), /^\d+\.\d GB of \/tmp are free \(\d+ %\)\.$/);
});

test("without tools_dir there are none, and files that begin with _ or are no .ts are left alone", async (t) => {
  assert.deepEqual(await loadOwnTools(config(t, { "a.ts": "throw 1" }, ""), []), []);
  const files = { "_shared.ts": "throw 1", "notes.md": "no", "b.ts": tool("b_do"), "a.ts": tool("a_do") };
  const names = (await loadOwnTools(config(t, files), ["time_now"])).map(({ name }) => name);
  assert.deepEqual(names, ["a_do", "b_do"]);
});

const wrong: [string, Record<string, string>, RegExp][] = [
  [
    "lacks labels",
    { "a.ts": tool("a_do", 'effect: "idempotent", timeoutMs: 1, outputLimit: 1,') },
    /a\.ts: tool "a_do": it needs labels/,
  ],
  ["throws at import", { "a.ts": 'throw new Error("no such thing")' }, /a\.ts: cannot be loaded: no such thing/],
  ["is no TypeScript", { "a.ts": "export default (" }, /a\.ts: cannot be loaded/],
  ["exports nothing", { "a.ts": "export const x = 1;" }, /a\.ts: must export default/],
  ["exports a look-alike", { "a.ts": 'export default { name: "a_do", labels: [] };' }, /a\.ts: must export default/],
  [
    "has the name of another",
    { "a.ts": tool("a_do"), "b.ts": tool("a_do") },
    /b\.ts: a tool named "a_do" is there already, from .*a\.ts; rename it/,
  ],
  [
    "has the name of a built-in one",
    { "a.ts": tool("time_now") },
    /a\.ts: a tool named "time_now" is there already, from the gateway/,
  ],
];
for (const [what, files, problem] of wrong)
  test(`a file that ${what} is named`, async (t) => {
    await assert.rejects(loadOwnTools(config(t, files), ["time_now"]), { name: "ClawError", message: problem });
  });

test("a folder or file that everybody may write is refused, and a folder that is not there is named", async (t) => {
  const file = config(t, { "a.ts": tool("a_do") });
  const folder = join(file, "../tools");
  chmodSync(join(folder, "a.ts"), 0o666);
  await assert.rejects(loadOwnTools(file, []), /a\.ts: anybody on this machine may write to it; chmod o-w/);
  chmodSync(join(folder, "a.ts"), 0o644);
  chmodSync(folder, 0o777);
  await assert.rejects(loadOwnTools(file, []), /tools: anybody on this machine may write to it/);
  rmSync(folder, { recursive: true });
  await assert.rejects(loadOwnTools(file, []), /tools: the folder of tools_dir cannot be read \(ENOENT\); make it/);
});
