import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { Channel, Destination, SendOutcome } from "../../../lib/channel/types.ts";
import { ClawError } from "../../../lib/errors.ts";
import { createMatrixChannel } from "../../../lib/matrix/channel.ts";
import { encryptFile } from "../../../lib/matrix/encrypted-file.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { createMatrixClient } from "../../../lib/matrix/client.ts";
import { memoryLog, noCrypto, oneDevice, ops, owner, testConfig } from "./support.ts";

let homeserver: StandInHomeserver;
let channel: Channel;
const marked = new Set<string>();
const flagged = new Set<string>();
const { log, text: logText } = memoryLog();
const signal = new AbortController().signal;

before(async () => {
  homeserver = await startHomeserver();
  channel = createMatrixChannel({
    events: { sentAs: async () => undefined },
    config: () => testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken }),
    client: createMatrixClient(() => testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken })),
    rooms: { encrypted: async (room) => flagged.has(room), markEncrypted: async (room) => void marked.add(room) },
    deviceIds: oneDevice,
    crypto: noCrypto,
    log,
  });
});
after(() => homeserver.close());
afterEach(() => homeserver.clearFaults());

const newRoom = (encrypted = false): Destination & { channel: "matrix" } => ({
  channel: "matrix",
  user: ops,
  room: homeserver.createRoom({ members: [owner, ops], encrypted }),
  replyTo: "$asked",
});
const body = { msgtype: "m.text", body: "canary-answer" };
const send = (destination: Destination, key = "run:1:0"): Promise<SendOutcome> =>
  channel.send({ key, destination, body }, signal);

describe("sending", () => {
  test("goes out as the agent and its device, with our key in it", async () => {
    const to = newRoom();
    const outcome = await send(to);
    const [event] = homeserver.sent(to.room);
    assert.deepEqual(outcome, { state: "sent", remoteId: event?.event_id });
    assert.equal(event?.sender, ops);
    assert.equal(event?.content["dev.openclaw.key"], "run:1:0");
    assert.match(event?.txnId ?? "", /^[0-9a-f]{40}$/);
    const call = homeserver.calls.find(({ path }) => path.includes(`${to.room}/send/`));
    assert.deepEqual([call?.user, call?.device], [ops, "OPENCLAW"]);
  });

  test("Exfiltration: link-preview zero-click: no client is to fetch a preview of what an agent sends (MSC4095)", async () => {
    const to = newRoom();
    await send(to);
    assert.deepEqual(homeserver.sent(to.room)[0]?.content["com.beeper.linkpreviews"], []);
  });

  test("the same key again sends nothing more and gives the same event", async () => {
    const to = newRoom();
    assert.deepEqual(await send(to), await send(to));
    assert.equal(homeserver.sent(to.room).length, 1);
    await send(to, "run:1:1");
    assert.equal(homeserver.sent(to.room).length, 2);
  });

  test("an answer that was lost on the way is sent again without a second message", async () => {
    const to = newRoom();
    homeserver.fail({ method: "PUT", path: /\/send\//, times: 1, answer: "drop" });
    assert.equal((await send(to)).state, "retry");
    assert.equal((await send(to)).state, "sent");
    assert.equal(homeserver.sent(to.room).length, 1);
  });

  test("what may pass is tried again, what will not fails", async () => {
    const to = newRoom();
    const expected: [number, object, SendOutcome["state"]][] = [
      [429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1234 }, "retry"],
      [500, { errcode: "M_UNKNOWN" }, "retry"],
      [502, {}, "retry"],
      [401, { errcode: "M_UNKNOWN_TOKEN" }, "retry"],
      [403, { errcode: "M_FORBIDDEN" }, "failed"],
      [404, { errcode: "M_NOT_FOUND" }, "failed"],
      [413, { errcode: "M_TOO_LARGE" }, "failed"],
    ];
    for (const [status, answer, state] of expected) {
      homeserver.fail({ method: "PUT", path: /\/send\//, times: 1, answer: { status, body: answer } });
      const outcome = await send(to);
      assert.equal(outcome.state, state, String(status));
      if (status === 429 && outcome.state === "retry") assert.equal(outcome.afterMs, 1234);
    }
    homeserver.fail({ method: "PUT", path: /\/send\//, times: 1, answer: "cut" });
    assert.equal((await send(to)).state, "retry");
    assert.equal((await channel.send({ key: "k", destination: to, body }, AbortSignal.abort())).state, "retry");
    assert.equal(homeserver.sent(to.room).length, 0);
  });

  test("a missing device is made and the send tried again", async () => {
    const to = newRoom();
    const answer = { status: 400, body: { errcode: "M_UNKNOWN_DEVICE" } };
    homeserver.fail({ method: "PUT", path: /\/send\//, times: 1, answer });
    assert.equal((await send(to)).state, "retry");
    assert.match(homeserver.calls.at(-1)?.path ?? "", /\/devices\/OPENCLAW$/);
    assert.equal((await send(to)).state, "sent");
  });

  test("to a room that the agent is not in fails", async () => {
    const room = homeserver.createRoom({ members: [owner] });
    assert.equal((await send({ channel: "matrix", user: ops, room })).state, "failed");
  });
});

describe("no plaintext goes into an encrypted room", () => {
  test("the homeserver is asked before every send, and a room that turned encryption on is refused", async () => {
    const to = newRoom();
    assert.equal((await send(to, "1")).state, "sent");
    // Nothing is pushed here: the gateway has not heard of it.
    void homeserver.setState(to.room, owner, "m.room.encryption", "", { algorithm: "m.megolm.v1.aes-sha2" });
    const outcome = await send(to, "2");
    assert.equal(outcome.state, "failed");
    assert.match(outcome.state === "failed" ? outcome.reason : "", /is encrypted/);
    assert.equal(homeserver.sent(to.room).length, 1);
    assert.ok(marked.has(to.room));
    assert.match(logText(), /an answer could not be sent/);
    assert.doesNotMatch(logText(), /canary-answer/);
  });

  test("an emptied encryption state is still one", async () => {
    const to = newRoom();
    void homeserver.setState(to.room, owner, "m.room.encryption", "", {});
    assert.equal((await send(to)).state, "failed");
  });

  test("a room once known as encrypted is refused whatever the homeserver says", async () => {
    const to = newRoom();
    flagged.add(to.room);
    assert.equal((await send(to)).state, "failed");
    assert.equal(homeserver.sent(to.room).length, 0);
  });

  test("where it cannot be asked nothing is sent", async () => {
    const to = newRoom();
    for (const answer of [
      { status: 500, body: {} },
      { status: 404, body: {} },
      { status: 404, body: { errcode: "M_UNRECOGNIZED" } },
      { status: 403, body: { errcode: "M_FORBIDDEN" } },
      { status: 200, body: {} },
      "cut" as const,
    ]) {
      homeserver.fail({ method: "GET", path: /state\/m\.room\.encryption/, times: 1, answer });
      assert.notEqual((await send(to)).state, "sent");
    }
    assert.equal(homeserver.sent(to.room).length, 0);
  });

  test("one function in the code calls the send endpoint", () => {
    const root = join(import.meta.dirname, "../../..");
    const files = ["lib", "functions"].flatMap((directory) =>
      readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => join(directory, name)),
    );
    const callers = files.filter((file) =>
      /\/send\/|sendMessage\(.*room|sendText\(|sendEvent\(/.test(readFileSync(join(root, file), "utf8")),
    );
    assert.deepEqual(
      callers.filter((file) => !file.startsWith("lib/telegram")),
      ["lib/matrix/send.ts"],
    );
  });
});

describe("attachments", () => {
  const fetchIt = (ref: string, limit = 100): Promise<Uint8Array> =>
    channel.fetchAttachment({ kind: "image", ref }, newRoom(), limit, signal);

  test("come with the agent's right, up to the limit", async () => {
    const ref = homeserver.addMedia(new Uint8Array(100).fill(7), "image/png");
    assert.equal((await fetchIt(ref)).length, 100);
    await assert.rejects(fetchIt(ref, 99), (thrown) => thrown instanceof ClawError && thrown.code === "too_large");
    assert.equal(homeserver.calls.at(-1)?.user, ops);
  });

  test("that are encrypted come decrypted, and not at all where they were changed", async () => {
    const { bytes, fileAt } = encryptFile(Buffer.from("canary"));
    const ref = homeserver.addMedia(bytes, "application/octet-stream");
    const { key, iv, hashes } = fileAt(ref);
    const fetchWith = (sha256: string): Promise<Uint8Array> =>
      channel.fetchAttachment(
        { kind: "image", ref, encryption: { key: key.k, iv, sha256 } },
        newRoom(),
        bytes.length,
        signal,
      );
    assert.equal(Buffer.from(await fetchWith(hashes.sha256)).toString(), "canary");
    await assert.rejects(fetchWith("A".repeat(43)), { say: "That file arrived damaged. Please send it again." });
  });

  for (const ref of [
    "file:///etc/passwd",
    "http://169.254.169.254/",
    "mxc://home.example/../../x",
    "mxc://a@b/c",
    "mxc://a/%2e%2e",
  ])
    test(`CVE-2026-28467 CVE-2026-44996: ${ref} is not fetched`, async () => {
      const before = homeserver.calls.length;
      await assert.rejects(fetchIt(ref), (thrown) => thrown instanceof ClawError && thrown.code === "bad_request");
      assert.equal(homeserver.calls.length, before);
    });

  test("CVE-2026-28467: a redirect is not followed", async () => {
    homeserver.fail({ path: /media\/download/, times: 1, answer: { status: 302, body: {} } });
    await assert.rejects(fetchIt(homeserver.addMedia(new Uint8Array(1), "image/png")));
  });
});
