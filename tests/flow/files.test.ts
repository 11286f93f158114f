import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { encryptFile } from "../../lib/matrix/encrypted-file.ts";
import type { StandInEvent, StandInHomeserver } from "../support/homeserver.ts";
import {
  matrixAgent,
  matrixOwner,
  matrixReady,
  matrixRoom,
  startMatrixStandIn,
  withMatrix,
} from "../support/matrix-config.ts";
import { type Stage, startStage } from "../support/stage.ts";

let homeserver: StandInHomeserver;
let stage: Stage;

const csv = "room,degrees\nkitchen,21\n";
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const files = [
  { name: "files_send", arguments: { name: "degrees.csv", content: csv, caption: "All rooms" } },
  { name: "files_send", arguments: { name: "dot.png", content: png.toString("base64"), encoding: "base64" } },
];

before(async () => {
  homeserver = await startMatrixStandIn();
  // Before the gateway: it asks once, when it starts, where its agents are.
  homeserver.createRoom({ id: matrixRoom, members: [matrixOwner, matrixAgent] });
  stage = await startStage({
    backend: "images = true",
    config: (toml) =>
      withMatrix(toml.replace('"history_search"]', '"history_search", "files_send"]'), homeserver.url).concat(
        "\n[tools.files]\nmax_kb = 1\n",
      ),
  });
  homeserver.connect(stage.gateway.publicUrl);
  await matrixReady(stage.gateway);
});
after(async () => {
  await homeserver.close();
  await stage.stop();
});

/** What the agent said in the room since the last time. */
let heard = 0;
async function answered(): Promise<readonly StandInEvent[]> {
  const messages = (): StandInEvent[] =>
    homeserver.sent(matrixRoom).filter(({ type, sender }) => type === "m.room.message" && sender === matrixAgent);
  const isAnswer = ({ content }: StandInEvent): boolean => content["body"] === "Here they are.";
  await homeserver.waitFor(() => messages().slice(heard).some(isAnswer));
  const fresh = messages().slice(heard);
  heard += fresh.length;
  return fresh;
}

/** The result of the last tool call, as the model was told. */
const lastResult = (): string =>
  String((stage.model.requests.at(-1)?.body["messages"] as { content: unknown }[]).at(-1)?.content);

describe("files an agent sends", () => {
  test("arrive on Telegram once, before the answer, an image as a photo", async () => {
    const person = stage.person();
    stage.model.setScript([...files.map((call) => ({ toolCalls: [call] })), { text: "Here they are." }]);
    await stage.say(person, "how warm is it?");
    assert.equal(await stage.heard(person), "Here they are.");
    const sent = stage.botApi.sentFiles(person);
    assert.deepEqual(
      sent.map(({ as, name, caption, bytes }) => [as, name, caption, bytes.toString("base64")]),
      [
        ["document", "degrees.csv", "All rooms", Buffer.from(csv).toString("base64")],
        ["photo", "dot.png", undefined, png.toString("base64")],
      ],
    );
    const [answer] = stage.botApi.sent(person);
    assert.ok(sent.every(({ messageId }) => messageId < (answer?.message_id ?? 0)));
    assert.match(lastResult(), /^dot\.png \(1 KB\) is on its way/);
  });

  test("arrive on Matrix once, before the answer, as replies to what was asked", async () => {
    stage.model.setScript([...files.map((call) => ({ toolCalls: [call] })), { text: "Here they are." }]);
    const asked = await homeserver.say(matrixRoom, matrixOwner, "how warm is it?");
    const said = await answered();
    assert.deepEqual(
      said.map(({ content }) => [content["msgtype"], content["body"], content["filename"]]),
      [
        ["m.file", "All rooms", "degrees.csv"],
        ["m.image", "dot.png", "dot.png"],
        ["m.text", "Here they are.", undefined],
      ],
    );
    for (const { content } of said) assert.deepEqual(content["m.relates_to"], { "m.in_reply_to": { event_id: asked } });
  });

  test("that are too large are not sent, and the model is told the limit", async () => {
    const person = stage.person();
    const large = { name: "files_send", arguments: { name: "large.txt", content: "x".repeat(1025) } };
    stage.model.setScript([{ toolCalls: [large] }, { text: "That was too much." }]);
    await stage.say(person, "all of it");
    assert.equal(await stage.heard(person), "That was too much.");
    assert.match(lastResult(), /^The file has 2 KB and was not sent; 1 KB is the most/);
    assert.deepEqual(stage.botApi.sentFiles(person), []);
  });

  test("lie sealed in the outbox", async () => {
    const rows = await stage.gateway.sql<{ body: Uint8Array; state: string }[]>`
      select body, state from outbox where key like 'file:%'`;
    assert.equal(rows.length, 4);
    for (const { body, state } of rows) {
      assert.equal(state, "sent");
      assert.ok(!Buffer.from(body).includes("degrees"));
    }
  });
});

describe("files a person sends", () => {
  test("encrypted are shown to the model decrypted, and their key is nowhere in the clear", async () => {
    stage.model.setScript([{ text: "Here they are." }]);
    const { bytes, fileAt } = encryptFile(png);
    const file = fileAt(homeserver.addMedia(bytes, "application/octet-stream"));
    await homeserver.say(matrixRoom, matrixOwner, { msgtype: "m.image", body: "look", filename: "dot.png", file });
    await answered();
    const shown = (stage.model.requests.at(-1)?.body["messages"] as { content: unknown }[]).at(-1)?.content;
    assert.deepEqual((shown as { image_url?: { url: string } }[]).at(-1)?.image_url, {
      url: `data:image/png;base64,${png.toString("base64")}`,
    });
    const rows = await stage.gateway.sql<{ text: string }[]>`
      select inbox::text as text from inbox union all select journal::text from journal
      union all select runs::text from runs`;
    assert.ok(rows.length > 0 && !rows.some(({ text }) => text.includes(file.key.k) || text.includes(file.iv)));
    assert.ok(!stage.gateway.log().includes(file.key.k));
  });

  test("that are not what was sent are told to the person", async () => {
    stage.model.setScript([{ text: "Never asked." }]);
    const { bytes, fileAt } = encryptFile(png);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    const file = fileAt(homeserver.addMedia(bytes, "application/octet-stream"));
    await homeserver.say(matrixRoom, matrixOwner, { msgtype: "m.image", body: "dot.png", file });
    const told = await homeserver.waitFor(({ content }) => /arrived damaged/.test(String(content["body"])));
    assert.equal(told.sender, matrixAgent);
  });
});
