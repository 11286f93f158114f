import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decryptFile, encryptFile, readEncryption } from "../../lib/matrix/encrypted-file.ts";
import { matrixLane } from "../../lib/ledger/matrix-events.ts";
import { echo, type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import type { ScriptedRequest } from "../support/model-server.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({
    backend: "images = true",
    config: (toml) => toml.replace('"history_search"]', '"history_search", "files_send"]'),
  });
});
after(() => on.stop());

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

type Content = Readonly<Record<string, unknown>>;
const relationOf = (content: Content) => content["m.relates_to"] as Content | undefined;

describe("in an encrypted room", () => {
  test("an encrypted image is seen, with its caption", async () => {
    const room = await on.room();
    const { bytes, fileAt } = encryptFile(png);
    const file = fileAt(on.homeserver.addMedia(bytes, "application/octet-stream"));
    await on.owner.say(room, { msgtype: "m.image", body: "what is this?", filename: "x.png", file });
    await on.answer(room, /./);
    const messages = on.stage.model.requests.at(-1)?.body["messages"] as { content: unknown }[];
    assert.deepEqual(messages.at(-1)?.content, [
      { type: "text", text: `${matrixOwner}: what is this?` },
      { type: "image_url", image_url: { url: `data:image/png;base64,${png.toString("base64")}` } },
    ]);
  });

  test("an encrypted image that was changed on its way is refused in words, and the caption answered", async () => {
    const room = await on.room();
    const { bytes, fileAt } = encryptFile(png);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    const file = fileAt(on.homeserver.addMedia(bytes, "application/octet-stream"));
    await on.owner.say(room, { msgtype: "m.image", body: "and this?", filename: "x.png", file });
    await on.answer(room, /^That file arrived damaged[^]*and this\?/);
  });

  test("a file that is sent lies encrypted on the homeserver, under no name, before the answer", async () => {
    const room = await on.room();
    on.stage.model.setScript(({ messages }: ScriptedRequest) =>
      messages.at(-1)?.role === "tool"
        ? { text: "Here it is." }
        : { toolCalls: [{ name: "files_send", arguments: { name: "watts.csv", content: "a,b\n1,2\n" } }] },
    );
    await on.owner.say(room, "the table, please");
    await on.answer(room, "Here it is.");
    on.stage.model.setScript(echo);
    const [file] = await on.owner.answers(room, matrixAgent);
    assert.equal(file?.content["body"], "watts.csv");
    assert.equal(file.content["url"], undefined);
    const given = file.content["file"] as Content;
    const media = on.homeserver.media(String(given["url"]));
    const encryption = readEncryption(given);
    assert.ok(media && encryption);
    assert.equal(media.filename, undefined);
    assert.equal(decryptFile(media.bytes, encryption).toString(), "a,b\n1,2\n");
    assert.ok(!Buffer.from(media.bytes).includes("a,b"));
    assert.deepEqual(
      on.homeserver.sent(room).map(({ type }) => type),
      ["m.room.encrypted", "m.room.encrypted"],
    );
  });

  test("a thread is a conversation of its own, and answered in it", async () => {
    const room = await on.room();
    const root = await on.owner.say(room, "the root");
    await on.answer(room, /the root/);
    await on.owner.say(room, "in the thread", { thread: root });
    const answer = await on.answer(room, /in the thread/);
    // Of the event as it is sent too: relations are not encrypted (spec: Relationships).
    assert.equal(relationOf(answer.content)?.["rel_type"], "m.thread");
    const [row] = await until(
      () => on.stage.gateway.sql<{ lane: string }[]>`select lane from runs where lane like ${`%${root}`}`,
      (rows) => rows.length > 0,
    );
    assert.equal(row?.lane, matrixLane(matrixAgent, room, root));
  });

  test("a reply is answered with what it answers, and the answer is a reply", async () => {
    const room = await on.room();
    const first = await on.owner.say(room, "the first");
    await on.answer(room, /the first/);
    const reply = await on.owner.say(room, "> <@me:home.example> the first\n\nthe reply", { replyTo: first });
    const { event_id } = await on.answer(room, /the reply/);
    const answers = await on.owner.answers(room, matrixAgent);
    const said = answers.find(({ event }) => event.event_id === event_id)?.event.content ?? {};
    assert.deepEqual(relationOf(said)?.["m.in_reply_to"], { event_id: reply });
  });

  test("a reaction, a sticker and a notice are not answered", async () => {
    const room = await on.room();
    const event = await on.owner.say(room, "hello");
    await on.answer(room, /hello/);
    const relation = { rel_type: "m.annotation", event_id: event, key: "👍" };
    await on.homeserver.post(room, matrixOwner, "m.reaction", { "m.relates_to": relation }).acknowledged;
    await on.owner.sendEncrypted(room, "m.sticker", { body: "a sticker", url: "mxc://home.example/x" });
    await on.owner.say(room, { msgtype: "m.notice", body: "from a bot" });
    await on.owner.say(room, "and now?");
    await on.answer(room, /and now\?/);
    assert.equal((await on.said(room)).length, 2);
  });

  test("a command is obeyed", async () => {
    const room = await on.room();
    await on.owner.say(room, "!status");
    await on.answer(room, /./);
    const [row] = await on.stage.gateway.sql<{ kind: string; state: string }[]>`
      select kind, state from inbox where kind = 'control' order by id desc limit 1`;
    assert.equal(row?.kind, "control");
  });
});

describe("a room without encryption", () => {
  test("is answered by one line alone, as long as the config does not say otherwise", async () => {
    const room = await on.room({ encrypted: false });
    const unread = await on.homeserver.say(room, matrixOwner, "in the open");
    await on.homeserver.say(room, matrixOwner, "once more");
    const isLine = ({ room_id, content }: { room_id: string; content: Content }): boolean =>
      room_id === room && String(content["body"]).startsWith("I read and answer only in encrypted rooms.");
    await on.homeserver.waitFor(isLine);
    const [row] = await on.inbox(unread);
    assert.deepEqual([row?.state, row?.reason], ["refused", "the room is not encrypted"]);

    await on.homeserver.setState(room, matrixOwner, "m.room.encryption", "", { algorithm: "m.megolm.v1.aes-sha2" });
    await on.owner.say(room, "in private");
    await on.answer(room, /in private/);
    assert.deepEqual(
      on.homeserver.sent(room).map(({ type }) => type),
      ["m.room.message", "m.room.encrypted"],
    );
    assert.ok(on.asked().every((text) => !/open|once more/.test(text)));
  });

  test("does not get the answer to what came encrypted into it", async () => {
    on.reconfigure("require_encryption = false");
    const room = await on.room({ encrypted: false });
    const event = await on.owner.say(room, "a secret");
    const [, row] = await until(
      () => on.inbox(event),
      (rows) => rows.length === 2,
    );
    assert.deepEqual([row?.state, row?.reason], ["refused", "sent with encryption into a room without"]);
    on.reconfigure("");
    assert.deepEqual(on.homeserver.sent(room), []);
  });
});
