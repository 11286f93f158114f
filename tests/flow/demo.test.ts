import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const demo = fileURLToPath(new URL("../demo/demo.ts", import.meta.url));

interface Played {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function play(environment: Record<string, string>): Promise<Played> {
  const { LLM_BASE_URL: _url, LLM_MODEL: _model, LLM_API_KEY: _key, FORCE_COLOR: _colour, ...inherited } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [demo, "--once"],
      { env: { ...inherited, TMPDIR: directory, ...environment }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error ? (typeof error.code === "number" ? error.code : -1) : 0, stdout, stderr }),
    );
  });
}

let directory: string;
let played: Played;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "demo-"));
  played = await play({});
});
after(() => rmSync(directory, { recursive: true, force: true }));

test("the scripted conversation gives what is expected and exits 0", () => {
  assert.equal(played.code, 0, played.stdout + played.stderr);
  assert.match(played.stdout, /^10 of 10 steps gave what is expected\.$/m);
  assert.match(played.stdout, /^3 of 3 jobs gave what is expected\.$/m);
  assert.equal(played.stderr, "");
});

test("it says which parts are stand-ins", () => {
  assert.match(played.stdout, /model +STAND-IN: .*no AI/);
  assert.match(played.stdout, /Telegram +STAND-IN/);
  assert.match(played.stdout, /sources +STAND-IN/);
});

test("it prints the audit rows of tool calls with decision, rule, tokens and request id", () => {
  assert.match(played.stdout, /\d+ +tool\.requested +time_now +allow/);
  assert.match(played.stdout, /by agents\.ops\.tools "time_now" & groups\.owners\.tools "\*"/);
  assert.match(played.stdout, /\d+ +llm\.answered +\d+\+\d+ +\d+ +req_\d+/);
  assert.match(played.stdout, /inbox #1 done · outbox #1 sent/);
});

test("it shows a denied tool call and a refused stranger who reaches no model", () => {
  assert.match(played.stdout, /tool\.requested +commitments_complete +deny\n +by groups\.family\.deny/);
  assert.match(played.stdout, /inbox #\d+ denied \(no group grants[^)]*\).*\n +no run/);
});

test("it prints no colour codes where there is no terminal, and leaves no files behind", () => {
  assert.equal(played.stdout.includes("\u001b"), false);
  const left = readdirSync(directory).filter((name) => name.startsWith("openclaw-demo-"));
  assert.deepEqual(left, []);
});

test("a half-named real model is refused with the remedy", async () => {
  const { code, stderr } = await play({ LLM_BASE_URL: "http://127.0.0.1:9/v1" });
  assert.equal(code, 1);
  assert.match(stderr, /LLM_MODEL is not: name the model/);
});
