import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Command } from "commander";
import type { CommandContext } from "../../../functions/commands/context.ts";
import { register } from "../../../functions/commands/telegram.ts";
import type { TelegramBot } from "../../../lib/config/config.ts";
import { Secret } from "../../../lib/config/secret.ts";
import { createIdentify } from "../../../lib/telegram/identity.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { patienceMs, until } from "../../support/until.ts";
import { memoryLog, secret, testBot, testConfig, token } from "./support.ts";

let api: BotApi;
before(async () => void (api = await startBotApi({ username: "claw_bot" })));
after(() => api.stop());
afterEach(() => api.reset());

async function claw(words: string[], more: Partial<TelegramBot> = {}): Promise<string[]> {
  const lines: string[] = [];
  const bot = testBot({ api_root: api.url, webhook_url: "https://claw.example/telegram/main", ...more });
  const context: Partial<CommandContext> = {
    loadConfig: async () => testConfig(bot),
    out: (line) => void lines.push(line),
    note: (line) => void lines.push(`note: ${line}`),
  };
  const program = new Command();
  register(program, context as CommandContext);
  await program.parseAsync(["telegram", ...words], { from: "user" });
  return lines;
}

describe("claw telegram set-webhook", () => {
  test("names the URL, the secret and the updates, and sets the menu", async () => {
    assert.deepEqual(await claw(["set-webhook"]), [
      "telegram.main: Telegram now pushes to https://claw.example/telegram/main",
    ]);
    assert.deepEqual(api.calls[0]?.payload, {
      url: "https://claw.example/telegram/main",
      secret_token: secret,
      allowed_updates: ["message", "edited_message", "callback_query", "message_reaction", "my_chat_member"],
      drop_pending_updates: false,
      max_connections: 40,
    });
    assert.equal(api.calls[1]?.method, "setMyCommands");
  });

  const faults: [string, Partial<TelegramBot>, RegExp][] = [
    ["a missing URL", { webhook_url: undefined }, /webhook_url is not set.*\/telegram\/main/],
    ["plain http", { webhook_url: "http://a/telegram/main", api_root: "https://api.telegram.org" }, /https:\/\//],
    ["a wrong token", { token: new Secret("wrong") }, /The token is wrong: @BotFather/],
    ["a secret Telegram does not take", { webhookSecret: new Secret("a b") }, /webhook_secret must be/],
    ["an unreachable Bot API", { api_root: "http://127.0.0.1:1" }, /Can this machine reach http:\/\/127\.0\.0\.1:1\?/],
  ];
  for (const [name, more, message] of faults)
    test(`${name} is told with its remedy`, async () => {
      await assert.rejects(claw(["set-webhook", "main"], more), { name: "ClawError", message });
    });

  test("a bot that is not in the config is told with those that are", async () => {
    await assert.rejects(claw(["set-webhook", "mian"]), { message: /no telegram\.mian; openclaw\.toml has main/ });
  });

  test("a URL that ends elsewhere is noted, since a proxy may rewrite it", async () => {
    const lines = await claw(["set-webhook"], { webhook_url: "https://claw.example/hook" });
    assert.match(lines[1] ?? "", /^note: .*\/telegram\/main/);
  });
});

describe("claw telegram info", () => {
  test("a bot without a webhook says how to set one", async () => {
    assert.deepEqual(await claw(["info"], { token: new Secret("77:other") }), [
      "telegram.main: @claw_bot (77)",
      "  groups: privacy mode is on: Telegram sends the bot only commands, answers to it and mentions of it",
      "! no webhook is set: run claw telegram set-webhook main",
    ]);
  });

  test("a webhook is told with what waits, and what differs from the config", async () => {
    await claw(["set-webhook"]);
    const lines = await claw(["info", "main"], { webhook_url: "https://new.example/telegram/main" });
    assert.deepEqual(lines.slice(2), [
      "  webhook: https://claw.example/telegram/main",
      "! the config says https://new.example/telegram/main: run claw telegram set-webhook main",
      "  waiting updates: 0",
      "  subscribed to: message, edited_message, callback_query, message_reaction, my_chat_member",
    ]);
    assert.ok(!lines.join("").includes(secret));
  });

  test("the last failed push is told", async () => {
    api.fail("getWebhookInfo", 1, () =>
      Response.json({
        ok: true,
        result: {
          url: "https://claw.example/telegram/main",
          pending_update_count: 3,
          last_error_date: 1_780_000_000,
          last_error_message: "Wrong response from the webhook: 401 Unauthorized",
        },
      }),
    );
    const lines = await claw(["info"]);
    assert.ok(lines.includes("  waiting updates: 3"));
    assert.ok(lines.some((line) => /^! not subscribed to message, /.test(line)));
    assert.match(lines.at(-1) ?? "", /^! last failed push 2026-05-28T.*401 Unauthorized$/);
  });
});

describe("a bot's identity", () => {
  test("the id is known at once, the username once Telegram has told it, with one question", async () => {
    const identify = createIdentify(memoryLog().log);
    const bot = testBot({ api_root: api.url });
    assert.deepEqual(identify.now(bot), { id: 4242 });
    assert.deepEqual(identify.now(bot), { id: 4242 });
    await api.waitFor((call) => call.method === "getMe");
    await until(async () => identify.now(bot).username);
    assert.deepEqual(identify.now(bot), { id: 4242, username: "claw_bot" });
    assert.equal(api.calls.length, 1);
  });

  test("who waits gets the username as soon as it is told, or what is known when the time is over", async () => {
    const bot = testBot({ api_root: api.url });
    assert.deepEqual(await createIdentify(memoryLog().log).within(bot, patienceMs), { id: 4242, username: "claw_bot" });
    api.fail("getMe", 1, "hang");
    assert.deepEqual(await createIdentify(memoryLog().log).within(bot, 20), { id: 4242 });
  });

  test("after a failure Telegram is asked again 5 s later, and the log told once a minute", async (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    const { log, lines } = memoryLog();
    const identify = createIdentify(log);
    const bot = testBot({ api_root: api.url });
    api.fail("getMe", 2, { error_code: 500, description: "Internal Server Error" });
    for (const calls of [1, 2]) {
      assert.deepEqual(await identify.within(bot, patienceMs), { id: 4242 });
      t.mock.timers.tick(4_999);
      identify.now(bot);
      assert.equal(api.calls.length, calls);
      t.mock.timers.tick(1);
    }
    assert.equal(lines.length, 1);
    assert.deepEqual(await identify.within(bot, patienceMs), { id: 4242, username: "claw_bot" });
  });

  test("a failure is logged without the token and not repeated at once", async () => {
    const { log, lines } = memoryLog();
    const identify = createIdentify(log);
    const bot = testBot({ api_root: "http://127.0.0.1:1" });
    identify.now(bot);
    await until(async () => lines.length > 0);
    identify.now(bot);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(lines.length, 1);
    assert.ok(!lines.join("").includes(token));
  });
});
