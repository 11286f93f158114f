/** `claw doctor` beside the shipped gateway, between stand-ins of all it is connected to. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../lib/doctor/check.ts";
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import { claw, type ClawResult } from "../support/claw.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { testEnvironment } from "../support/gateway.ts";
import type { StandInHomeserver } from "../support/homeserver.ts";
import {
  matrixAgent,
  matrixOwner,
  matrixReady,
  matrixRoom,
  startMatrixStandIn,
  withMatrix,
} from "../support/matrix-config.ts";
import { type MinifluxApi, startMinifluxApi } from "../support/miniflux-api.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { createHome, type GatewayProcess, type Home } from "../support/process.ts";
import { group, owner, telegramConfig } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

const callsTheTool = { toolCalls: [{ name: "report_ready", arguments: {} }] };

describe("claw doctor", () => {
  let database: TestDatabase;
  let botApi: BotApi;
  let model: ModelServer;
  let homeserver: StandInHomeserver;
  let miniflux: MinifluxApi;
  let home: Home;
  let gateway: GatewayProcess;
  let toml = "";

  const env = (more: Record<string, string> = {}): Record<string, string> => ({
    ...testEnvironment,
    PATH: process.env["PATH"] ?? "",
    OPENCLAW_CONFIG: home.file,
    DATABASE_URL: database.url,
    ...more,
  });
  /** Nothing it prints holds a secret. */
  async function doctor(more: Record<string, string>, ...argv: string[]): Promise<ClawResult> {
    const given = env(more);
    const result = await claw(given, "doctor", ...argv);
    const secrets = Object.keys(testEnvironment).map((name) => given[name] ?? "");
    for (const secret of [...secrets.filter(Boolean), miniflux.key])
      assert.ok(!(result.out + result.errors).includes(secret), `${secret} is printed`);
    assert.doesNotMatch(result.out + result.errors, /canary/);
    return result;
  }
  async function results(more: Record<string, string> = {}, ...argv: string[]): Promise<Result[]> {
    const { code, out } = await doctor(more, "--json", ...argv);
    const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: Result[] };
    assert.deepEqual([ok, code], checks.some(({ state }) => state === "fail") ? [false, 1] : [true, 0]);
    return checks;
  }
  const failed = (found: readonly Result[]): string[] =>
    found.filter(({ state }) => state === "fail").map(({ name, saw }) => `${name}: ${saw}`);

  before(async () => {
    [database, botApi, model, homeserver, miniflux] = await Promise.all([
      createTestDatabase(),
      startBotApi(),
      startModelServer(callsTheTool),
      startMatrixStandIn(),
      startMinifluxApi(),
    ]);
    homeserver.createRoom({ id: matrixRoom, members: [matrixOwner] });
    botApi.chats.add(group);
    // The keys of `top` come before the first table.
    const plain = telegramConfig({
      modelUrl: model.url,
      botApiUrl: botApi.url,
      top: `operator = "telegram:${group}"\nscheduler = "internal"`,
      backend: "price = { input = 1, output = 2 }",
    });
    const config = (publicUrl: string): string =>
      `${withMatrix(plain, homeserver.url).replace('agent = "ops"', `agent = "ops"\nwebhook_url = "${publicUrl}/telegram/main"`)}
[tools.feeds]
url = "${miniflux.url}"
token = { file = "MINIFLUX_TOKEN_FILE" }

[jobs.brief]
agent = "ops"
schedule = "0 8 * * 1-5"
prompt = "prompt.md"
deliver = ["telegram:${owner}"]
`;
    home = await createHome("", database.url);
    const tokenFile = join(dirname(home.file), "miniflux");
    writeFileSync(tokenFile, miniflux.key, { mode: 0o600 });
    toml = config(home.publicUrl).replace("MINIFLUX_TOKEN_FILE", tokenFile);
    home.rewrite(toml);
    assert.equal((await claw(env(), "telegram", "set-webhook")).code, 0);
    gateway = await home.start();
    homeserver.connect(home.publicUrl);
    await homeserver.invite(matrixRoom, matrixAgent, matrixOwner);
    await matrixReady(home);
    await until(async () => (await fetch(`${home.privateUrl}/readyz`)).ok);
  });
  after(async () => {
    await home?.remove();
    await Promise.all([botApi?.stop(), model?.stop(), homeserver?.close(), miniflux?.stop()]);
    await database?.drop();
  });

  test("finds nothing to mend where all is well, exits 0, and prints no secret", async () => {
    const { code, out, errors } = await doctor({});
    assert.equal(code, 0, out + errors);
    assert.equal(errors, "");
    assert.doesNotMatch(out, /^fail/m);
    for (const name of [
      ...["config", "database", "database.key", "gateway", "gateway.public", "gateway.parts", "gateway.config"],
      ...["matrix.homeserver", "matrix.as_token", "matrix.ping", "matrix.ops.user", "matrix.ops.keys"],
      ...["matrix.ops.rooms", "telegram.main.token", "telegram.main.webhook", "telegram.main.pushes"],
      ...["telegram.main.url", "telegram.main.groups", "models.main", "models.main.tools", "models.main.usage"],
      ...["models.main.price", "sources.feeds", "jobs.token", "jobs.brief.timer", "jobs.brief.last", "clock"],
    ])
      assert.match(out, new RegExp(`^ok {4}${name.replaceAll(".", "\\.")} {2}`, "m"));
    assert.match(out, /^\d+ to look at: [^\n]*database\.role[^\n]*\n\d+ ok, \d+ could not be looked at \(-\)\.\n$/m);
    // As a terminal would show it; nothing here is one.
    assert.ok(!out.includes("\u001b"));
  });

  test("tells each thing that is broken in a line of its own, with its remedy", async () => {
    await fetch(`${botApi.url}/bot${testEnvironment["TELEGRAM_TOKEN"]}/setWebhook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: "https://elsewhere.example/telegram/main" }),
    });
    model.setScript(({ tools }) => (tools.length > 0 ? { status: 400 } : { text: "Yes.", usage: null }));
    miniflux.answer(new Response("", { status: 500 }));
    const { code, out } = await doctor({ MATRIX_AS_TOKEN: "canary-another-as-token-0123456789abcdef" });
    miniflux.answer(undefined);
    model.setScript(callsTheTool);
    assert.equal((await claw(env(), "telegram", "set-webhook")).code, 0);
    assert.equal(code, 1);
    const told = (name: string, line: string): void => {
      const lines = out.split("\n");
      const at = lines.findIndex((each) => each.slice(6).startsWith(`${name} `));
      assert.match(`${lines[at]}${lines[at + 1]?.trim()}`, new RegExp(line), out);
    };
    told("matrix.as_token", "^fail .*does not know matrix.as_token-> is the registration in");
    told("telegram.main.webhook", "^fail .*elsewhere.example.*-> claw telegram set-webhook main");
    told("models.main.tools", "^fail .*refuses requests that offer a tool-> ");
    told("models.main.usage", "^warn .*reports no usage-> ");
    told("sources.feeds", "^fail .*Miniflux answered 500-> see its own log");
    // The gateway still goes by the other token, so it is well.
    told("gateway.config", "^warn .*was changed and is not in force-> reload it: SIGHUP");
    told("matrix.ping", "^- .*does not take as_token");
    assert.match(out, /^4 to mend: matrix\.as_token, telegram\.main\.webhook, models\.main\.tools, sources\.feeds$/m);
  });

  test("a login without the app's rights is told, and that the gateway goes by another", async () => {
    const login = `part_${randomBytes(4).toString("hex")}`;
    await database.sql.unsafe(`create role ${login} login`);
    const url = new URL(database.url);
    url.username = login;
    const found = await results({ DATABASE_URL: url.href }, "--only", "database", "gateway");
    await database.sql.unsafe(`drop role ${login}`);
    assert.deepEqual(failed(found), [
      `database.role: ${login} may not write to the tables, and not act as openclaw_app`,
      "gateway.config: runs with other settings that only a restart changes",
    ]);
  });

  test("where no gateway runs it says so once, and looks at all else", async () => {
    gateway.signal("SIGTERM");
    await gateway.exited;
    const found = await results({}, "--no-model");
    assert.deepEqual(failed(found), [`gateway: nothing answers at ${home.privateUrl} (ECONNREFUSED)`]);
    const state = (name: string) => found.find((each) => each.name === name);
    assert.deepEqual(
      ["matrix.ping", "gateway.parts", "jobs.token"].map((name) => state(name)?.saw),
      Array.from({ length: 3 }, () => "no gateway runs here"),
    );
    assert.deepEqual(
      ["database.role", "matrix.as_token", "matrix.ops.keys", "telegram.main.token", "sources.feeds"].map(
        (name) => state(name)?.state,
      ),
      ["warn", "ok", "ok", "ok", "ok"],
    );
    assert.equal(state("models.main")?.saw, "stand-in was not asked (--no-model)");
  });

  test("a config that cannot be loaded is told with every problem, and a word for no area with the areas", async () => {
    home.rewrite(toml.replace('backend = "main"', 'backend = "mian"'));
    const found = await results({ TELEGRAM_TOKEN: "" });
    home.rewrite(toml);
    assert.deepEqual(
      found.map(({ name, saw }) => `${name}: ${saw.replace(home.file, "")}`),
      [
        'config: : agents.ops.backend: no backend is named "mian"',
        "config: : telegram.main.token: the environment variable TELEGRAM_TOKEN is empty",
      ],
    );
    const { code, errors } = await doctor({}, "--only", "matrx");
    assert.equal(code, 1);
    assert.match(errors, /^--only matrx names no check: did you mean "matrix"\? Areas: config, files, database, /);
  });
});
