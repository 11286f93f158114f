import assert from "node:assert/strict";
import { serve } from "@hono/node-server";
import { after, before, beforeEach, describe, test } from "node:test";
import { createTelegramFunction } from "../../../functions/telegram.ts";
import { createTelegramChannel } from "../../../lib/telegram/channel.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { privateText } from "../../support/telegram-updates.ts";
import { identified, memoryLog, MemoryInbox, owner, secret, testBot, testConfig, token } from "./support.ts";

let api: BotApi;
before(async () => void (api = await startBotApi()));
after(() => api.stop());
beforeEach(() => api.reset());

interface BotApiAnswer {
  ok: boolean;
  result?: Record<string, unknown>;
  error_code?: number;
  description?: string;
}

const call = async (method: string, payload: object, as = token): Promise<BotApiAnswer> => {
  const response = await fetch(`${api.url}/bot${as}/${method}`, { method: "POST", body: JSON.stringify(payload) });
  return (await response.json()) as BotApiAnswer;
};
const refusal = async (method: string, payload: object): Promise<string> => {
  const { ok, error_code, description } = await call(method, payload);
  assert.deepEqual([ok, error_code], [false, 400]);
  return description ?? "";
};

describe("the stand-in Bot API", () => {
  test("repeats a push until it is committed, and the inbox has it once", async (t) => {
    const inbox = new MemoryInbox();
    let failures = 2;
    const config = testConfig(testBot({ api_root: api.url }));
    const app = createTelegramFunction({
      config: () => config,
      inbox: {
        async accept(entries) {
          if (failures-- > 0) throw new Error("no database");
          return inbox.accept(entries);
        },
      },
      log: memoryLog().log,
      identify: identified,
    });
    const listening = Promise.withResolvers<number>();
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => listening.resolve(port));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${await listening.promise}/telegram/main`;
    const update = privateText(owner, "hi");
    assert.deepEqual(await api.push(url, secret, update), { status: 200, attempts: 3 });
    assert.deepEqual(await api.push(url, secret, update), { status: 200, attempts: 1 });
    assert.equal(inbox.entries.size, 1);
    assert.deepEqual(await api.push(url, "wrong", update), { status: 401, attempts: 5 });
  });

  test("refuses what Telegram would refuse", async () => {
    assert.match(await refusal("sendMessage", { chat_id: 1, text: " " }), /text is empty/);
    assert.match(await refusal("sendMessage", { chat_id: 1, text: "x".repeat(4097) }), /too long/);
    const bold = { type: "bold", offset: 0, length: 3 };
    assert.match(await refusal("sendMessage", { chat_id: 1, text: "ab", entities: [bold] }), /out of range/);
    assert.match(await refusal("sendMessage", { chat_id: 1, text: "ab😀", entities: [bold] }), /splits a character/);
    assert.match(await refusal("getFile", { file_id: "x" }), /wrong file_id/);
    assert.match(await refusal("setWebhook", { url: "https://a", secret_token: "a b" }), /unallowed/);
    assert.equal((await call("sendMessage", { chat_id: 1, text: "x" }, "no-token")).error_code, 404);
  });

  test("keeps, edits and deletes messages", async () => {
    const { result } = await call("sendMessage", { chat_id: 1, text: "one" });
    const message_id = result?.["message_id"];
    assert.match(await refusal("editMessageText", { chat_id: 1, message_id, text: "one" }), /message is not modified/);
    assert.equal((await call("editMessageText", { chat_id: 1, message_id, text: "two" })).ok, true);
    assert.equal((await call("sendRichMessage", { chat_id: 2, rich_message: { markdown: "# hi" } })).ok, true);
    assert.deepEqual(
      api.sent(1).map((message) => message.text),
      ["two"],
    );
    assert.equal(api.sent().length, 2);
    assert.equal((await call("deleteMessage", { chat_id: 1, message_id })).ok, true);
    assert.equal(api.sent(1).length, 0);
  });

  test("tells of a webhook without its secret", async () => {
    await call("setWebhook", { url: "https://a.example/", secret_token: "s" });
    const { result } = await call("getWebhookInfo", {});
    assert.equal(result?.["url"], "https://a.example/");
    assert.ok(!("secret_token" in (result ?? {})));
    assert.equal(api.webhook(token)?.secret_token, "s");
    await call("deleteWebhook", {});
    assert.equal((await call("getWebhookInfo", {})).result?.["url"], "");
  });
});

test("an answer with everything in it is taken part by part", async () => {
  const config = testConfig(testBot({ api_root: api.url }));
  const channel = createTelegramChannel({ config: () => config, log: memoryLog().log });
  const destination = { channel: "telegram", bot: "main", chat: 1 } as const;
  const markdown = `# Report 😀\n\n> **note** \`x\`\n\n1. a\n2. b\n\n|a|b|\n|-|-|\n|1|2|\n\n\`\`\`ts\n${"const x = 1;\n".repeat(700)}\`\`\``;
  const bodies = channel.render(markdown, destination);
  assert.ok(bodies.length >= 3);
  for (const body of bodies) {
    const outcome = await channel.send({ key: "k", destination, body }, new AbortController().signal);
    assert.equal(outcome.state, "sent");
  }
  assert.equal(api.calls.length, bodies.length, "none had to be sent as plain text");
});
