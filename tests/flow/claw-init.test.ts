/** `claw init` at a real terminal and without one, and the gateway that comes of it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { readEnvFile } from "../../lib/config/environment.ts";
import { needs } from "../deploy/support/tools.ts";
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import { compileCache } from "../support/compile-cache.ts";
import { freePort } from "../support/free-port.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { messageUpdate, person } from "../support/telegram-updates.ts";
import { atTerminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
const claw = [process.execPath, join(root, "functions/claw.ts")] as const;
const path = { PATH: process.env["PATH"] ?? "", ...compileCache };
const key = "sk-canary-init-llm-key";
const token = "4242:canary-init-telegram-token";
const [ada, mallory] = [4711, 666];

let model: ModelServer;
let botApi: BotApi;

before(async () => {
  [model, botApi] = await Promise.all([startModelServer({ text: "Hello, Ada." }, { key }), startBotApi()]);
});
after(() => Promise.all([model.stop(), botApi.stop()]));

/** A folder to call it in, which the embedded database's user can enter too. */
function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-claw-init-"));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Without a terminal. */
async function run(cwd: string, env: Record<string, string>, argv: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(claw[0], [claw[1], ...argv], { cwd, env: { ...path, ...env } });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, errors };
}

const telegramFlags = (): string[] => [
  ...["--llm-url", model.url, "--model", "stand-in", "--telegram-api-root", botApi.url, "--telegram-user", String(ada)],
];

const script = needs("script");
describe(`at a terminal${script.why}`, { skip: script.skip }, () => {
  test("it asks, shows no secret, asks again, and the gateway that is started then answers", async (t) => {
    const cwd = folder(t);
    const [publicPort, privatePort] = [await freePort(), await freePort()];
    const terminal = atTerminal(t, cwd, {}, [
      ...claw,
      ...["init", "--telegram-api-root", botApi.url],
      ...["--listen-public", `127.0.0.1:${publicPort}`, "--listen-private", `127.0.0.1:${privatePort}`],
    ]);
    const wrote = (who: Parameters<typeof messageUpdate>[0], text: string) =>
      void botApi.updates.push(messageUpdate(who, { id: who.id, type: "private" }, { text }));
    wrote(person(mallory, { first_name: "Ada" }), "123456");
    await terminal.answer("Time zone [", "Middle Earth");
    await terminal.answer("it must be an IANA time zone", "");
    await terminal.answer("The model's endpoint", model.url);
    await terminal.answer("Its API key (not shown)", key);
    await terminal.answer("it has stand-in", "");
    await terminal.answer("Your agent's name [ops]", "");
    await terminal.answer("What it is for", "");
    await terminal.answer("Your Matrix id", "");
    await terminal.answer("(not shown):", token);
    await terminal.answer("that is @claw_test_bot", "");
    await terminal.answer("to @claw_test_bot in Telegram", "");
    await until(() => Promise.resolve(terminal.shown().includes("it has not come yet")));
    wrote(person(ada), /Write (\d{6}) to @claw_test_bot/.exec(terminal.shown())?.[1] ?? "");
    await terminal.answer("to @claw_test_bot in Telegram", "");
    await until(() => Promise.resolve(terminal.shown().includes("that was Ada, id 4711")));
    await terminal.answer("The public https address", `http://127.0.0.1:${publicPort}`);
    for (const service of ["Alertmanager's", "CalDAV", "Miniflux's", "Plane's", "An age recipient"])
      await terminal.answer(service, "");
    assert.equal(await terminal.ended, 0, terminal.shown());
    const secrets = readEnvFile(join(cwd, "config", ".env"));
    assert.deepEqual([secrets["LLM_API_KEY"], secrets["TELEGRAM_TOKEN"]], [key, token]);
    for (const [name, value] of Object.entries(secrets))
      assert.ok(value !== undefined && !terminal.shown().includes(value), `${name} is shown`);
    assert.ok(terminal.shown().includes("Time zone [") && !/\[0J *\r?\n/.test(terminal.shown()));
    assert.match(terminal.shown(), /1\. Telegram: in @BotFather, \/setjoingroups, @claw_test_bot, Disable/);
    assert.equal(statSync(join(cwd, "config", ".env")).mode & 0o777, 0o600);

    // All else comes from the files: nothing of it is in the environment.
    const check = await run(cwd, {}, ["check"]);
    assert.equal(check.code, 0, check.errors);
    assert.doesNotMatch(check.out, /warning/);
    const gateway = await started(t, cwd);
    const hook = await run(cwd, {}, ["telegram", "set-webhook"]);
    assert.match(
      hook.out,
      new RegExp(`^telegram\\.home: Telegram now pushes to http://127\\.0\\.0\\.1:${publicPort}/telegram/home`),
    );
    const { url = "", secret_token = "" } = botApi.webhook(token) ?? {};
    await botApi.push(url, secret_token, messageUpdate(person(ada), { id: ada, type: "private" }, { text: "hello" }));
    const reply = await botApi.waitFor(({ method, payload }) => method === "sendMessage" && payload["chat_id"] === ada);
    assert.equal(reply.payload["text"], "Hello, Ada.");
    assert.ok(existsSync(join(cwd, "config", "data", "postgres")));
    gateway.kill("SIGTERM");
    assert.deepEqual(await once(gateway, "exit"), [0, null]);
  });

  test("Ctrl-C and Ctrl-D leave nothing behind, at a hidden question and at any other", async (t) => {
    for (const [question, keys] of [
      ["Time zone", "\u0003"],
      ["Its API key", "\u0003"],
      ["Its API key", "\u0004"],
    ] as const) {
      const cwd = folder(t);
      const terminal = atTerminal(t, cwd, {}, [...claw, "init", "--offline", "--llm-url", model.url]);
      if (question !== "Time zone") await terminal.answer("Time zone", "");
      await terminal.press(question, keys);
      assert.equal(await terminal.ended, 130, terminal.shown());
      assert.match(terminal.shown(), /Nothing was written\./);
      assert.deepEqual(readdirSync(cwd), []);
    }
  });
});

/** The shipped process, which finds ./config by itself. */
async function started(t: TestContext, cwd: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(root, "functions/server.ts")], {
    cwd,
    env: path,
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await until(async () => output.includes('"msg":"ready"') || child.exitCode !== null);
  assert.equal(child.exitCode, null, output);
  return child;
}

describe("without a terminal", () => {
  test("flags, files, variables and standard input are enough, and no flag takes a secret itself", async (t) => {
    const cwd = folder(t);
    writeFileSync(join(cwd, "key"), `${key}\n`);
    const flags = ["--llm-key-file", "key", "--telegram-token-file", "-", "--miniflux-url", "http://127.0.0.1:8082"];
    const { code, out, errors } = await run(
      cwd,
      { MINIFLUX_TOKEN: "canary-init-miniflux" },
      ["init", ...telegramFlags(), ...flags],
      `${token}\n`,
    );
    assert.equal(code, 0, errors);
    assert.match(out, /^Written to .*\/config:\n {2}prompts\/ops\.md\n {2}\.env \(0600\)\n {2}openclaw\.toml\n/);
    assert.match(errors, /^MINIFLUX_TOKEN is set, and taken\.$/m);
    const { LLM_API_KEY, TELEGRAM_TOKEN, MINIFLUX_TOKEN } = readEnvFile(join(cwd, "config", ".env"));
    assert.deepEqual([LLM_API_KEY, TELEGRAM_TOKEN, MINIFLUX_TOKEN], [key, token, "canary-init-miniflux"]);
    assert.doesNotMatch(out + errors + readFileSync(join(cwd, "config", "openclaw.toml"), "utf8"), /canary/);
    const help = await run(cwd, {}, ["init", "--help"]);
    const takers = [...help.out.matchAll(/--[a-z-]*(?:key|token|password|secret)[a-z-]*(?: <(\w+)>)?/g)];
    assert.ok(takers.length >= 6);
    assert.deepEqual(new Set(takers.map(([, value]) => value)), new Set(["file", undefined]));
  });

  test("what is missing is named by its flags, and a config that is there is left alone", async (t) => {
    const cwd = folder(t);
    const missing = await run(cwd, {}, ["init"]);
    assert.equal(missing.code, 1);
    assert.match(missing.errors, /^--llm-url <url>: is missing: .*\n--llm-key-file <file>: is missing: .*LLM_API_KEY/);
    assert.deepEqual(readdirSync(cwd), []);
    const given = ["init", ...telegramFlags(), "--offline", "--no-llm-key"];
    assert.equal((await run(cwd, { TELEGRAM_TOKEN: token }, given)).code, 0);
    const before = readFileSync(join(cwd, "config", ".env"), "utf8");
    const again = await run(cwd, { TELEGRAM_TOKEN: token }, given);
    assert.equal(again.code, 1);
    assert.match(again.errors, /\/config has openclaw\.toml, \.env already, and nothing was changed: edit it/);
    assert.equal(readFileSync(join(cwd, "config", ".env"), "utf8"), before);
    const clash = ["--dir", "other", "--listen-public", "127.0.0.1:8081"];
    const unloadable = await run(cwd, { TELEGRAM_TOKEN: token }, [...given, ...clash]);
    assert.match(unloadable.errors, /\/other\/openclaw\.toml: listen\.private: is the same port as listen\.public/);
    assert.deepEqual(readdirSync(cwd), ["config"]);
  });
});
