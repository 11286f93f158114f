import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { Destination, OutboundFile, SendOutcome } from "../../../lib/channel/types.ts";
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

const csv: OutboundFile = {
  name: "räume; 1.csv",
  mime: "text/plain",
  bytes: Buffer.from("canary,1\n\0\xff", "latin1"),
};
const png: OutboundFile = {
  name: "dot.png",
  mime: "image/png",
  bytes: Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
  caption: "A dot.",
};

/** Rendered, through the outbox, sent. */
async function send(file: OutboundFile, destination: Destination = chat, url = api.url): Promise<SendOutcome> {
  const config = testConfig(testBot({ api_root: url }));
  const channel = createTelegramChannel({ config: () => config, log });
  const body: unknown = JSON.parse(JSON.stringify(channel.renderFile(file, destination)));
  return channel.send({ key: "k", destination, body }, new AbortController().signal);
}

describe("a file", () => {
  test("arrives as a document, byte for byte, under its name, in its topic, as a reply", async () => {
    const outcome = await send(csv, { channel: "telegram", bot: "main", chat: group, topic: 5, replyTo: 9 });
    const [file] = api.sentFiles(group);
    assert.deepEqual(outcome, { state: "sent", remoteId: String(file?.messageId) });
    assert.deepEqual([file?.as, file?.name, file?.caption], ["document", csv.name, undefined]);
    assert.deepEqual(file?.bytes, csv.bytes);
    const { document: _, ...rest } = api.calls[0]?.payload ?? {};
    assert.deepEqual(rest, {
      chat_id: group,
      message_thread_id: 5,
      reply_parameters: { message_id: 9, allow_sending_without_reply: true },
    });
  });

  test("that is an image arrives as a photo with its caption", async () => {
    assert.equal((await send(png)).state, "sent");
    const [photo] = api.sentFiles(1);
    assert.deepEqual([photo?.as, photo?.name, photo?.caption], ["photo", "dot.png", "A dot."]);
  });

  test("that is an image too large for a photo, or a GIF, arrives as a document", async () => {
    await send({ ...png, bytes: Buffer.concat([png.bytes, Buffer.alloc(10_000_000)]) });
    await send({ ...png, mime: "image/gif" });
    assert.deepEqual(
      api.sentFiles(1).map(({ as }) => as),
      ["document", "document"],
    );
  });

  test("that is refused as a photo is sent once more as a document", async () => {
    api.fail("sendPhoto", 1, { error_code: 400, description: "Bad Request: PHOTO_INVALID_DIMENSIONS" });
    assert.equal((await send(png)).state, "sent");
    assert.deepEqual(
      api.sentFiles(1).map(({ as, bytes }) => [as, bytes.length]),
      [["document", png.bytes.length]],
    );
  });

  const failures: [Parameters<BotApi["fail"]>[2], SendOutcome["state"]][] = [
    [{ error_code: 429, description: "Too Many Requests", parameters: { retry_after: 7 } }, "retry"],
    [{ error_code: 413, description: "Request Entity Too Large" }, "failed"],
    [{ error_code: 403, description: "Forbidden: bot was blocked by the user" }, "failed"],
    [{ error_code: 500, description: "Internal Server Error" }, "unknown"],
    ["drop", "unknown"],
    ["lose", "unknown"],
  ];
  for (const [how, state] of failures)
    test(`${typeof how === "string" ? how : "error_code" in how ? how.error_code : ""} makes it ${state}, and it is not sent twice`, async () => {
      api.fail("sendDocument", 1, how);
      const outcome = await send(csv);
      assert.equal(outcome.state, state);
      assert.equal(api.calls.length, 1);
      const all = JSON.stringify(outcome) + lines.join("");
      assert.ok(!all.includes(token) && !all.includes("canary"), all);
    });

  test("where nothing listens is tried again", async () => {
    assert.equal((await send(csv, chat, "http://127.0.0.1:1")).state, "retry");
  });
});
