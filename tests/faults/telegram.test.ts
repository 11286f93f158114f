import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

let stage: Stage;
let behind: BotApi;
let proxy: TcpProxy;

before(async () => {
  behind = await startBotApi();
  proxy = await startTcpProxy(behind.url);
  stage = await startStage({
    config: (toml) =>
      `${toml}
[telegram.far]
token = { env = "FAR_TOKEN" }
webhook_secret = { env = "TELEGRAM_SECRET" }
agent = "ops"
api_root = "${proxy.url}"
`,
    environment: { FAR_TOKEN: "4343:canary-of-the-far-bot" },
  });
});
after(async () => {
  await stage.stop();
  await proxy.shut();
  await behind.stop();
});

/** The states of what was to be said to a person, once they are all of `final`. */
const outboxOf = (person: number, bot = "main") =>
  until(
    () => stage.gateway.sql<{ state: string; attempts: number; reason: string | null }[]>`
      select state, attempts, reason from outbox where lane = ${`telegram:${bot}:${person}`} order by id`,
    (rows) => rows.length > 0 && rows.every(({ state }) => !["pending", "sending"].includes(state)),
  );

test("a send refused with retry_after is made again when that has passed, and arrives once", async () => {
  const person = stage.person();
  stage.botApi.fail("sendMessage", 1, {
    error_code: 429,
    description: "Too Many Requests: retry after 1",
    parameters: { retry_after: 1 },
  });
  await stage.say(person, "hi");
  const [row] = await outboxOf(person);
  assert.deepEqual([row?.state, row?.attempts, row?.reason], ["sent", 2, null]);
  assert.deepEqual(
    stage.botApi.sent(person).map(({ text }) => text),
    ["Hello."],
  );
});

test("what waits behind a refused send keeps its order", async () => {
  const person = stage.person();
  stage.model.setScript([{ text: "First." }, { text: "Second." }]);
  stage.botApi.fail("sendMessage", 1, {
    error_code: 429,
    description: "Too Many Requests: retry after 1",
    parameters: { retry_after: 1 },
  });
  await stage.say(person, "one");
  await until(
    () => stage.gateway.sql`select 1 from outbox where lane = ${`telegram:main:${person}`}`,
    ({ length }) => length > 0,
  );
  await stage.say(person, "two");
  await until(
    () => stage.gateway.sql`select 1 from outbox where lane = ${`telegram:main:${person}`}`,
    ({ length }) => length > 1,
  );
  await outboxOf(person);
  assert.deepEqual(
    stage.botApi.sent(person).map(({ text }) => text),
    ["First.", "Second."],
  );
  stage.model.setScript({ text: "Hello." });
});

test("an answer lost on its way back leaves the send unknown, and it is never made again", async () => {
  const person = stage.person();
  stage.botApi.fail("sendMessage", 1, "lose");
  await stage.say(person, "hi");
  const [row] = await outboxOf(person);
  assert.deepEqual([row?.state, row?.attempts], ["unknown", 1]);
  await stage.say(person, "again");
  await until(async () => stage.botApi.sent(person).length === 2);
  const metrics = await (await fetch(`${stage.gateway.privateUrl}/metrics`)).text();
  assert.match(metrics, /openclaw_open\{state="unknown"\} 1\n/);
});

test("a connection cut before Telegram acted is unknown as well, since nobody can tell", async () => {
  const person = stage.person();
  stage.botApi.fail("sendMessage", 1, "drop");
  await stage.say(person, "hi");
  const [row] = await outboxOf(person);
  assert.equal(row?.state, "unknown");
  assert.deepEqual(stage.botApi.sent(person), []);
});

test("a send that Telegram refuses for good fails, and the next one goes out", async () => {
  const person = stage.person();
  stage.botApi.fail("sendMessage", 1, { error_code: 403, description: "Forbidden: bot was blocked by the user" });
  await stage.say(person, "hi");
  const [row] = await outboxOf(person);
  assert.deepEqual([row?.state, row?.reason], ["failed", "403 Forbidden: bot was blocked by the user"]);
  await stage.say(person, "hi");
  await until(async () => stage.botApi.sent(person).length === 1);
});

test("while Telegram cannot be reached the answer waits, and arrives once when it can", async () => {
  const person = stage.person();
  await proxy.shut();
  const update = {
    update_id: 1,
    message: {
      message_id: 1,
      date: 1_780_000_000,
      chat: { id: person, type: "private" as const, first_name: "Ada" },
      from: { id: person, is_bot: false, first_name: "Ada" },
      text: "hi",
    },
  };
  await stage.botApi.push(`${stage.gateway.publicUrl}/telegram/far`, "canary_webhook_secret_0123", update);
  const [waiting] = await until(
    () => stage.gateway.sql<{ state: string; reason: string }[]>`
      select state, reason from outbox where lane = ${`telegram:far:${person}`} and attempts > 0 and state = 'pending'`,
    ({ length }) => length === 1,
  );
  assert.match(waiting?.reason ?? "", /ECONNREFUSED/);
  await proxy.open();
  await outboxOf(person, "far");
  assert.deepEqual(
    behind.sent(person).map(({ text }) => text),
    ["Hello."],
  );
});
