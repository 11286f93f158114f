import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBotApi, type BotApi } from "../support/bot-api.ts";
import { startTestGateway, testEnvironment, type TestGateway } from "../support/gateway.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { group, startStage } from "../support/stage.ts";
import { owner, telegramConfig } from "../support/telegram-config.ts";

let botApi: BotApi;
let model: ModelServer;
let gateway: TestGateway;
let lastUpdate = 1;

before(async () => {
  [botApi, model] = await Promise.all([startBotApi(), startModelServer({ text: "Hello **there**." })]);
  gateway = await startTestGateway(telegramConfig({ modelUrl: model.url, botApiUrl: botApi.url }));
});
after(async () => {
  if (process.env["SHOW_LOG"]) console.log(gateway.log());
  await gateway.stop();
  await Promise.all([botApi.stop(), model.stop()]);
});

const say = (from: number, text: string, id = ++lastUpdate) =>
  botApi.push(`${gateway.publicUrl}/telegram/main`, testEnvironment["TELEGRAM_SECRET"] ?? "", {
    update_id: id,
    message: {
      message_id: id,
      date: 1_700_000_000,
      chat: { id: from, type: "private", first_name: "P" },
      from: { id: from, is_bot: false, first_name: "P" },
      text,
    },
  });

test("a pushed message becomes an answer", async () => {
  const pushed = await say(owner, "hi");
  assert.equal(pushed.status, 200);
  const call = await botApi.waitFor(({ method }) => method === "sendMessage");
  assert.equal(call.payload["text"], "Hello there.");
});

test("a mention in a group that is the first message after a start is answered", async (t) => {
  const stage = await startStage();
  t.after(() => stage.stop());
  assert.equal(await stage.sayIn(group, stage.person(), "@claw_test_bot are you there?"), 200);
  assert.equal(await stage.heard(group), "Hello.");
});
