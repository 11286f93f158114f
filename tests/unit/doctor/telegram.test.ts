import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { allowedUpdates } from "../../../lib/telegram/setup.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { group } from "../../support/telegram-config.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { type Served, serve } from "../sources/serve.ts";
import { examine, lineOf, nowhere } from "./support.ts";

const token = testEnvironment["TELEGRAM_TOKEN"] ?? "";
const right = "https://claw.example/telegram/main";

describe("the doctor on Telegram", () => {
  let botApi: BotApi;
  let gateway: Served;
  before(async () => {
    botApi = await startBotApi();
    gateway = await serve(({ path }, response) => {
      if (path.startsWith("/elsewhere")) return void response.writeHead(404).end("<html>nginx</html>");
      response.writeHead(path === "/healthz" ? 200 : 404).end(JSON.stringify({ error: "not_found" }));
    });
  });
  after(() => Promise.all([botApi.stop(), gateway.stop()]));
  beforeEach(async () => {
    botApi.reset();
    botApi.chats.clear();
    await setWebhook({});
  });

  async function setWebhook(more: object): Promise<void> {
    const payload = { url: right, allowed_updates: [...allowedUpdates], ...more };
    await fetch(`${botApi.url}/bot${token}/setWebhook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
    });
  }

  const look = (hook: object = {}, webhookUrl = right, only = "telegram.main", api = botApi.url) => {
    Object.assign(botApi.webhook(token) ?? {}, hook);
    const edit = (toml: string): string => toml.replace("chats = [", `webhook_url = "${webhookUrl}"\nchats = [`);
    return examine({ botApiUrl: api, edit }, [only], gateway.url);
  };
  const seconds = (ago: number): number => Math.floor(Date.now() / 1000) - ago;

  test("what is well is told, each thing in a line of its own", async () => {
    botApi.chats.add(group);
    const found = await look({ ip_address: "203.0.113.7" }, `${gateway.url}/telegram/main`, "telegram");
    assert.match(lineOf(found, "telegram.main.token"), /^ok: @claw_test_bot \(4242\)$/);
    assert.match(lineOf(found, "telegram.main.webhook"), /^fail: is set to .*\/telegram\/main, the config says http/);
    assert.equal(lineOf(found, "telegram.main.url"), "ok: leads to a gateway");
    assert.match(lineOf(found, "telegram.main.groups"), /^ok: in -100500; it hears commands, answers and mentions$/);
    const again = await look({}, right);
    assert.equal(lineOf(again, "telegram.main.webhook"), `ok: ${right} (203.0.113.7)`);
    assert.equal(lineOf(again, "telegram.main.pushes"), "ok: 0 updates wait, no push has failed");
  });

  test("a refused token names BotFather, once, and nothing else is told of the bot", async () => {
    botApi.fail("getMe", 1, { error_code: 401, description: "Unauthorized" });
    const found = await look();
    assert.match(
      lineOf(found, "telegram.main.token"),
      /^fail: Telegram refuses the token \(401 Unauthorized\) -> @BotFather shows the right one by \/token/,
    );
    assert.deepEqual(
      found.filter(({ name }) => name !== "telegram.main.token").map(({ state }) => state),
      ["skipped", "skipped", "skipped", "skipped"],
    );
  });

  test("a Telegram that is not reached is told with its host", async () => {
    const found = await look({}, right, "telegram.main", nowhere);
    assert.match(
      lineOf(found, "telegram.main.token"),
      /^fail: Telegram does not answer \(telegram: ECONNREFUSED\) -> can this machine reach 127\.0\.0\.1:9\?/,
    );
  });

  test("no webhook, or one elsewhere, or one that lacks updates, is mended by set-webhook", async () => {
    await setWebhook({ url: "" });
    const none = await look();
    assert.equal(
      lineOf(none, "telegram.main.webhook"),
      "fail: no webhook is set: nothing reaches the bot -> claw telegram set-webhook main",
    );
    assert.match(lineOf(none, "telegram.main.pushes"), /^skipped: /);
    await setWebhook({ url: "https://other.example/telegram/main" });
    assert.match(
      lineOf(await look(), "telegram.main.webhook"),
      /^fail: is set to https:\/\/other\.example\/telegram\/main, the config says https:\/\/claw\.example\/telegram\/main -> claw telegram set-webhook main/,
    );
    await setWebhook({ allowed_updates: ["message"] });
    assert.match(
      lineOf(await look(), "telegram.main.webhook"),
      /^warn: .* is not told of edited_message, callback_query, message_reaction, my_chat_member -> claw telegram set-webhook main$/,
    );
  });

  const reasons: readonly (readonly [why: string, remedy: RegExp])[] = [
    [
      "Wrong response from the webhook: 401 Unauthorized",
      /the secret is not the config's: claw telegram set-webhook main/,
    ],
    ["Wrong response from the webhook: 404 Not Found", /proxy must lead the URL to \/telegram\/main of listen\.public/],
    ["Wrong response from the webhook: 502 Bad Gateway", /the reverse proxy does not reach the gateway/],
    ["Wrong response from the webhook: 301 Moved Permanently", /the URL redirects/],
    ["SSL error {error:0A000086:SSL routines::certificate verify failed}", /the certificate must be whole/],
    ["Failed to resolve host: Name or service not known", /must be known to all the world's DNS/],
    ["Connection timed out", /ports 443, 80, 88 or 8443 must be open/],
    ["Connection refused", /ports 443, 80, 88 or 8443 must be open/],
    ["Read timeout expired", /not answered in time/],
  ];
  for (const [why, remedy] of reasons)
    test(`pushes that fail by "${why}" are told with their remedy`, async () => {
      const found = await look({ pending_update_count: 3, last_error_date: seconds(300), last_error_message: why });
      const line = lineOf(found, "telegram.main.pushes");
      assert.ok(line.startsWith(`fail: Telegram cannot push, 3 updates wait; last failed 5 min ago: ${why} -> `), line);
      assert.match(line, remedy);
    });

  test("a push that failed long ago is told and is nothing to mend; many that wait are", async () => {
    const past = { last_error_date: seconds(3 * 86_400), last_error_message: "Connection refused" };
    assert.equal(
      lineOf(await look({ ...past, pending_update_count: 0 }), "telegram.main.pushes"),
      "ok: 0 updates wait; a push last failed 3 days ago: Connection refused",
    );
    await setWebhook({});
    assert.match(lineOf(await look({ pending_update_count: 50 }), "telegram.main.pushes"), /^warn: 50 updates wait/);
  });

  test("a URL that leads to something else is told, one that is not reached from here is not held against it", async () => {
    const found = await look({}, `${gateway.url}/elsewhere`);
    assert.match(
      lineOf(found, "telegram.main.url"),
      /^fail: .*\/elsewhere answers 404, and it is not the gateway -> the reverse proxy must lead it to \/telegram\/main/,
    );
    assert.match(
      lineOf(await look({}, `${nowhere}/telegram/main`), "telegram.main.url"),
      /^skipped: 127\.0\.0\.1:9 is not reached/,
    );
  });

  test("a group that the bot is not in is named", async () => {
    assert.equal(
      lineOf(await look(), "telegram.main.groups"),
      "warn: is not in the group -100500 -> add it there, or take the group out of telegram.main.chats",
    );
  });

  test("an operator whom the bot does not know is told to write to it first", async () => {
    const operator = (chat: number) =>
      examine({ botApiUrl: botApi.url, top: `operator = "telegram:${chat}"` }, ["telegram.operator"]);
    assert.match(
      lineOf(await operator(-42), "telegram.operator"),
      /^warn: main does not know the chat -42 \(400 Bad Request: chat not found\) -> send the bot a message there first/,
    );
    assert.equal(lineOf(await operator(1001), "telegram.operator"), "ok: main can write to 1001");
  });
});
