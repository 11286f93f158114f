import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { noLinks } from "../../../lib/channel/links.ts";
import type { Destination, SendOutcome } from "../../../lib/channel/types.ts";
import { Secret } from "../../../lib/config/secret.ts";
import { createTelegramChannel } from "../../../lib/telegram/channel.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { group, memoryLog, testBot, testConfig, token } from "./support.ts";

let api: BotApi;
const { log, lines } = memoryLog();
const chat: Destination = { channel: "telegram", bot: "main", chat: 1 };

before(async () => void (api = await startBotApi()));
after(() => api.stop());
afterEach(() => {
  api.reset();
  lines.length = 0;
});

const channelTo = (api_root: string, more: Parameters<typeof testBot>[0] = {}) => {
  const config = testConfig(testBot({ api_root, ...more }));
  return createTelegramChannel({ config: () => config, log });
};

async function send(
  body: unknown = { text: "hello" },
  options: { destination?: Destination; url?: string; signal?: AbortSignal } = {},
): Promise<SendOutcome> {
  const { destination = chat, url = api.url, signal = new AbortController().signal } = options;
  return channelTo(url).send({ key: "k", destination, body }, signal);
}

/** Neither a reason nor a log line may hold the token or what was said. */
function assertDiscreet(outcome: SendOutcome): void {
  const all = JSON.stringify(outcome) + lines.join("");
  assert.ok(!all.includes(token) && !all.includes("canary"), all);
}

describe("a message that arrives", () => {
  test("is sent with its entities, without previews, and says its id", async () => {
    const channel = channelTo(api.url);
    const destination: Destination = { channel: "telegram", bot: "main", chat: group, topic: 5, replyTo: 9 };
    const [body] = channel.render("**hi** there", destination);
    const outcome = await send(body, { destination });
    assert.deepEqual(outcome, { state: "sent", remoteId: String(api.sent(group)[0]?.message_id) });
    assert.deepEqual(api.calls[0]?.payload, {
      chat_id: group,
      text: "hi there",
      message_thread_id: 5,
      reply_parameters: { message_id: 9, allow_sending_without_reply: true },
      link_preview_options: { is_disabled: true },
      entities: [{ type: "bold", offset: 0, length: 2 }],
    });
  });

  test("connections are kept for the next", async () => {
    for (let count = 0; count < 20; count++) assert.equal((await send()).state, "sent");
    assert.ok(api.connections() <= 1);
  });

  test("whose entities are refused is sent once more as plain text", async () => {
    api.fail("sendMessage", 1, { error_code: 400, description: "Bad Request: can't parse entities: unsupported" });
    const body = { text: "hi there", entities: [{ type: "bold", offset: 0, length: 2 }] };
    assert.equal((await send(body)).state, "sent");
    assert.deepEqual(
      api.calls.map((call) => call.payload["entities"] !== undefined),
      [true, false],
    );
    assert.equal(api.sent(1).length, 1);
  });
});

test("Exfiltration: link-preview zero-click: Telegram makes no preview, and none of what it was to show as code", async () => {
  api.fail("sendMessage", 1, { error_code: 400, description: "Bad Request: can't parse entities: unsupported" });
  const [body] = channelTo(api.url).render("`https://evil.example/?q=secret`", chat, noLinks);
  assert.equal((await send(body)).state, "sent");
  const texts = api.calls.map(({ payload }) => payload["text"]);
  assert.deepEqual(texts, ["https://evil.example/?q=secret", "https[:]//evil[.]example/?q=secret"]);
  for (const { payload } of api.calls) assert.deepEqual(payload["link_preview_options"], { is_disabled: true });
});

describe("a message that does not", () => {
  test("429 is tried again after what Telegram asks for", async () => {
    api.fail("sendMessage", 1, {
      error_code: 429,
      description: "Too Many Requests: retry after 7",
      parameters: { retry_after: 7 },
    });
    const outcome = await send();
    assert.equal(outcome.state, "retry");
    assert.equal(outcome.state === "retry" && outcome.afterMs, 7_000);
    assert.equal((await send()).state, "sent");
  });

  const refusals: [number, string, string, RegExp][] = [
    [400, "Bad Request: chat not found", "failed", /chat not found/],
    [403, "Forbidden: bot was blocked by the user", "failed", /blocked/],
    [404, "Not Found", "failed", /404/],
    [401, "Unauthorized", "failed", /token of telegram\.main is wrong/],
    [500, "Internal Server Error", "unknown", /500/],
    [502, "Bad Gateway", "unknown", /502/],
    [400, `Bad Request: bad "canary text" for ${token}`, "failed", /bad "…" for \[token\]/],
  ];
  for (const [error_code, description, state, reason] of refusals)
    test(`${error_code} ${description.slice(0, 20)} is ${state}, with its reason`, async () => {
      api.fail("sendMessage", 1, { error_code, description });
      const outcome = await send();
      assert.equal(outcome.state, state);
      assert.match("reason" in outcome ? outcome.reason : "", reason);
      assertDiscreet(outcome);
    });

  test("a group that became a supergroup is named with its new id", async () => {
    const description = "Bad Request: group chat was upgraded to a supergroup chat";
    api.fail("sendMessage", 1, { error_code: 400, description, parameters: { migrate_to_chat_id: -100777 } });
    const outcome = await send();
    assert.match("reason" in outcome ? outcome.reason : "", /list -100777 in telegram\.main\.chats/);
  });

  test("a proxy's page counts by its status", async () => {
    api.fail("sendMessage", 1, new Response("<html>canary</html>", { status: 502 }));
    assert.equal((await send()).state, "unknown");
    api.fail("sendMessage", 1, new Response("<html>canary</html>", { status: 413 }));
    assert.equal((await send()).state, "failed");
    api.fail("sendMessage", 1, new Response("<html>canary</html>", { status: 200 }));
    const outcome = await send();
    assert.equal(outcome.state, "unknown");
    assertDiscreet(outcome);
  });

  test("where nothing listens and where no such host is, it is tried again", async () => {
    for (const url of ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://nobody.invalid"]) {
      const outcome = await send({ text: "canary" }, { url });
      assert.equal(outcome.state, "retry", url);
      assertDiscreet(outcome);
    }
  });

  test("a failed TLS handshake sends nothing, so it is tried again", async () => {
    const outcome = await send({ text: "canary" }, { url: api.url.replace("http:", "https:") });
    assert.equal(outcome.state, "retry");
    assertDiscreet(outcome);
  });

  test("cut off before or after Telegram acted, it is unknown, since nobody can tell which", async () => {
    api.fail("sendMessage", 1, "drop");
    const dropped = await send({ text: "canary" });
    assert.equal(dropped.state, "unknown");
    assert.equal(api.sent(1).length, 0);
    api.fail("sendMessage", 1, "lose");
    const lost = await send({ text: "canary" });
    assert.equal(lost.state, "unknown");
    assert.equal(api.sent(1).length, 1);
    assertDiscreet(dropped);
    assertDiscreet(lost);
  });

  test("cancelled before it was sent it is tried again, cancelled after it is unknown", async () => {
    assert.equal((await send(undefined, { signal: AbortSignal.abort() })).state, "retry");
    assert.equal(api.calls.length, 0);
    api.fail("sendMessage", 1, "hang");
    const controller = new AbortController();
    const sending = send({ text: "canary" }, { signal: controller.signal });
    await api.waitFor((call) => call.method === "sendMessage");
    controller.abort();
    const outcome = await sending;
    assert.equal(outcome.state, "unknown");
    assertDiscreet(outcome);
  });

  test("a server that never answers is given up", async (t) => {
    const silent: Server = createServer();
    const listening = Promise.withResolvers<void>();
    silent.listen(0, "127.0.0.1", listening.resolve);
    await listening.promise;
    t.after(() => silent.close());
    const sockets: { destroy(): void }[] = [];
    const connected = Promise.withResolvers<void>();
    silent.on("connection", (socket) => {
      sockets.push(socket);
      socket.once("data", () => connected.resolve());
    });
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const address = silent.address();
    const sending = send(
      { text: "canary" },
      { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}` },
    );
    await connected.promise;
    t.mock.timers.tick(20_000);
    const outcome = await sending;
    assert.deepEqual(outcome, { state: "unknown", reason: "telegram: no answer within 20 s" });
    for (const socket of sockets) socket.destroy();
  });

  test("a bot that is gone from the config, another channel's destination and a strange body fail", async () => {
    const gone = await send(undefined, { destination: { channel: "telegram", bot: "gone", chat: 1 } });
    assert.deepEqual(gone, { state: "failed", reason: "not for a bot of the config: telegram.gone" });
    assert.equal(
      (await send(undefined, { destination: { channel: "matrix", user: "@a:b", room: "!a:b" } })).state,
      "failed",
    );
    assert.equal((await send({ canary: 1 })).state, "failed");
    assert.equal(api.calls.length, 0);
  });

  test("a wrong token is told as such", async () => {
    const channel = channelTo(api.url, { token: new Secret("not-a-token") });
    const outcome = await channel.send(
      { key: "k", destination: chat, body: { text: "x" } },
      new AbortController().signal,
    );
    assert.equal(outcome.state, "failed");
  });
});

describe("presence", () => {
  test("typing and the progress line reach the topic, and the line is gone at the end", async () => {
    const presence = channelTo(api.url).present({ channel: "telegram", bot: "main", chat: group, topic: 5 });
    const typing = await api.waitFor((call) => call.method === "sendChatAction");
    assert.deepEqual(typing.payload, { chat_id: group, message_thread_id: 5, action: "typing" });
    await presence.end();
    assert.deepEqual(api.sent(group), []);
  });

  test("an unreachable Telegram disturbs nobody", async () => {
    const presence = channelTo("http://127.0.0.1:1").present(chat);
    presence.progress("a");
    await presence.end();
    await channelTo(api.url)
      .present({ ...chat, bot: "gone" })
      .end();
  });
});
