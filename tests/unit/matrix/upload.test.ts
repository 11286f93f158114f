import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { fileOf, isFileBody, toFileBody } from "../../../lib/channel/file-body.ts";
import type { Channel, Destination, OutboundFile, SendOutcome } from "../../../lib/channel/types.ts";
import { createMatrixChannel } from "../../../lib/matrix/channel.ts";
import { createMatrixClient } from "../../../lib/matrix/client.ts";
import { decryptFile, readEncryption } from "../../../lib/matrix/encrypted-file.ts";
import { requireMxc } from "../../../lib/matrix/mxc.ts";
import { fileContent } from "../../../lib/matrix/upload.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { memoryLog, noCrypto, oneDevice, ops, opsRoom, owner, testConfig } from "./support.ts";

let homeserver: StandInHomeserver;
let channel: Channel;
const flagged = new Set<string>();
const contents: object[] = [];
const { log, text: logText } = memoryLog();
const signal = new AbortController().signal;
const config = () => testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken });

before(async () => {
  homeserver = await startHomeserver();
  channel = createMatrixChannel({
    events: { sentAs: async () => undefined },
    config,
    client: createMatrixClient(config),
    rooms: { encrypted: async (room) => flagged.has(room), markEncrypted: async () => {} },
    deviceIds: oneDevice,
    crypto: {
      ...noCrypto,
      encrypt: async ({ content }) => {
        contents.push(content);
        return noCrypto.encrypt();
      },
    },
    log,
  });
});
after(() => homeserver.close());
afterEach(() => homeserver.clearFaults());

const csv: OutboundFile = {
  name: "räume.csv",
  mime: "text/plain",
  bytes: Buffer.from("canary,1\n"),
  caption: "All of it",
};
const png: OutboundFile = {
  name: "dot.png",
  mime: "image/png",
  bytes: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAAfFcSJ", "base64"),
};

const newRoom = (encrypted = false): Destination & { channel: "matrix" } => ({
  channel: "matrix",
  user: ops,
  room: homeserver.createRoom({ members: [owner, ops], encrypted }),
  replyTo: "$asked",
});
const send = (destination: Destination, file = csv, key = "file:run:1"): Promise<SendOutcome> =>
  channel.send({ key, destination, body: stored(channel.renderFile(file, destination)) }, signal);

/** As it comes out of the outbox. */
const stored = (body: unknown): unknown => JSON.parse(JSON.stringify(body));

const uploads = (): typeof homeserver.calls => homeserver.calls.filter(({ path }) => path.endsWith("/media/v3/upload"));
const bytesAt = async (uri: unknown): Promise<string> =>
  Buffer.from(await createMatrixClient(config).download(ops, requireMxc(String(uri)), 1000)).toString();

describe("a file", () => {
  test("is kept for the outbox whole, and hangs on what it answers as a text does", () => {
    const inRoom: Destination = { channel: "matrix", user: ops, room: opsRoom, replyTo: "$asked" };
    const body = stored(channel.renderFile(csv, inRoom));
    assert.ok(isFileBody(body));
    assert.deepEqual(fileOf(body), csv);
    const relation = (to: Destination): unknown =>
      (channel.renderFile(csv, to) as Record<string, unknown>)["m.relates_to"];
    assert.deepEqual(relation(inRoom), { "m.in_reply_to": { event_id: "$asked" } });
    assert.equal(relation({ ...inRoom, room: "!direct:home.example" }), undefined);
    assert.deepEqual(relation({ ...inRoom, thread: "$root" }), {
      rel_type: "m.thread",
      event_id: "$root",
      is_falling_back: true,
      "m.in_reply_to": { event_id: "$asked" },
    });
  });

  test("is uploaded as the agent and shown with its name, type, size and caption", async () => {
    const to = newRoom();
    const outcome = await send(to);
    const [event] = homeserver.sent(to.room);
    assert.deepEqual(outcome, { state: "sent", remoteId: event?.event_id });
    const { url, ...content } = event?.content ?? {};
    assert.deepEqual(content, {
      msgtype: "m.file",
      body: "All of it",
      filename: "räume.csv",
      info: { mimetype: "text/plain", size: 9 },
      "m.mentions": {},
      "com.beeper.linkpreviews": [],
      "dev.openclaw.key": "file:run:1",
    });
    assert.equal(await bytesAt(url), "canary,1\n");
    assert.equal(uploads().at(-1)?.user, ops);
  });

  test("that is an image is one, with its size in pixels; without a caption its name is the text", async () => {
    const to = newRoom();
    await send(to, png);
    const { content } = homeserver.sent(to.room)[0] ?? {};
    assert.deepEqual(
      [content?.["msgtype"], content?.["body"], content?.["filename"]],
      ["m.image", "dot.png", "dot.png"],
    );
    assert.deepEqual(content?.["info"], { mimetype: "image/png", size: png.bytes.length, w: 2, h: 3 });
  });

  test("sent again under the same key is one message", async () => {
    const to = newRoom();
    assert.deepEqual(await send(to), await send(to));
    assert.equal(homeserver.sent(to.room).length, 1);
  });

  test("whose upload fails is tried again where that may help, and given up where not", async () => {
    const to = newRoom();
    const expected: [number, object, SendOutcome["state"]][] = [
      [429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1234 }, "retry"],
      [502, {}, "retry"],
      [401, { errcode: "M_UNKNOWN_TOKEN" }, "retry"],
      [200, { content_uri: "https://elsewhere.example/x" }, "retry"],
      [413, { errcode: "M_TOO_LARGE" }, "failed"],
      [413, {}, "failed"],
      [403, { errcode: "M_FORBIDDEN" }, "failed"],
    ];
    for (const [status, body, state] of expected) {
      homeserver.fail({ method: "POST", path: /upload/, times: 1, answer: { status, body } });
      assert.equal((await send(to)).state, state, String(status));
    }
    homeserver.fail({ method: "POST", path: /upload/, times: 1, answer: "cut" });
    assert.equal((await send(to)).state, "retry");
    assert.equal(homeserver.sent(to.room).length, 0);
  });

  test("for an encrypted room is uploaded encrypted, its key in the content that is to be encrypted", async () => {
    const known = newRoom();
    flagged.add(known.room);
    for (const to of [newRoom(true), known]) {
      assert.equal((await send(to)).state, "failed");
      const { file, url } = contents.at(-1) as { file: { url: string }; url?: string };
      assert.equal(url, undefined);
      assert.doesNotMatch(await bytesAt(file.url), /canary/);
      assert.ok(readEncryption(file));
    }
    assert.equal(contents.length, 2);
  });

  test("is not uploaded where nobody knows whether the room is encrypted", async () => {
    const before = uploads().length;
    const to = newRoom();
    homeserver.fail({ method: "GET", path: /state\/m\.room\.encryption/, times: 1, answer: { status: 500, body: {} } });
    assert.equal((await send(to)).state, "retry");
    assert.equal(uploads().length, before);
    assert.doesNotMatch(logText(), /canary/);
  });
});

describe("an encrypted file", () => {
  test("is uploaded without its name and type, and opens by what the message says", async () => {
    const seen: unknown[] = [];
    const sealed = Promise.withResolvers<Uint8Array>();
    const content = await fileContent(
      {
        upload: async (user, bytes, file) => {
          seen.push([user, file]);
          sealed.resolve(bytes);
          return "mxc://home.example/sealed";
        },
      },
      ops,
      { ...toFileBody(csv), "m.relates_to": { rel_type: "m.thread" } },
      true,
    );
    assert.deepEqual(seen, [[ops, { type: "application/octet-stream" }]]);
    const { file, ...rest } = content as { file: Record<string, unknown> };
    assert.deepEqual(rest, {
      msgtype: "m.file",
      body: "All of it",
      filename: "räume.csv",
      info: { mimetype: "text/plain", size: 9 },
      "m.mentions": {},
      "m.relates_to": { rel_type: "m.thread" },
    });
    assert.equal(file["url"], "mxc://home.example/sealed");
    const encryption = readEncryption(file);
    assert.ok(encryption);
    const bytes = await sealed.promise;
    assert.ok(!Buffer.from(bytes).includes("canary"));
    assert.equal(decryptFile(bytes, encryption).toString(), "canary,1\n");
  });

  for (const [mime, msgtype] of [
    ["audio/ogg", "m.audio"],
    ["video/mp4", "m.video"],
    ["image/webp", "m.image"],
    ["application/octet-stream", "m.file"],
  ])
    test(`${mime} is an ${msgtype}`, async () => {
      const body = toFileBody({ ...csv, mime: mime ?? "" });
      const content = await fileContent({ upload: async () => "mxc://home.example/x" }, ops, body, false);
      assert.equal((content as { msgtype: string }).msgtype, msgtype);
    });
});
