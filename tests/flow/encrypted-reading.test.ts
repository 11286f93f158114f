import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type EncryptedStage, friend, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({ owner: { rotateEvery: 1 } });
});
after(() => on.stop());

describe("a message whose key is missing", () => {
  test("is acknowledged and kept, and answered once when the key comes, before anything was said about it", async () => {
    const room = await on.room();
    const late = await on.owner.say(room, "late", { withholdKeys: true });
    await until(
      () => on.inbox(late),
      ([row]) => row?.reason === "no key",
    );
    await on.owner.say(room, "in time");
    await on.answer(room, "You said: in time");
    await on.owner.deliverKeys();
    // Any pull brings it: the next message's, or the one a minute later.
    await on.owner.say(room, "next");
    await on.answer(room, /next/);
    await on.answer(room, /late/);
    assert.deepEqual(
      on
        .asked()
        .flatMap((text) => text.split(" + "))
        .toSorted(),
      ["in time", "late", "next"],
    );
    const [encrypted, message] = await on.inbox(late);
    assert.deepEqual([encrypted?.state, message?.state], ["done", "done"]);
    assert.equal(await on.failures("unreadable"), 1, "counted once, however often it is tried");
  });

  test("and that is taken back meanwhile is never answered", async () => {
    const room = await on.room();
    const regretted = await on.owner.say(room, "regretted", { withholdKeys: true });
    await until(
      () => on.inbox(regretted),
      ([row]) => row?.reason === "no key",
    );
    await on.homeserver.redact(room, matrixOwner, regretted);
    const [row] = await on.inbox(regretted);
    assert.deepEqual([row?.state, row?.reason], ["ignored", "redacted"]);
    await on.owner.deliverKeys();
    await on.owner.say(room, "kept");
    await on.answer(room, "You said: kept");
    assert.deepEqual(on.asked().slice(-1), ["kept"]);
    assert.ok(!on.asked().includes("regretted"));
  });
});

describe("a message whose key does not come for long", { concurrency: true }, () => {
  test("is told of in the room after a while, in one line, and still answered when the key comes after all", async () => {
    const other = await on.person(friend, { rotateEvery: 1 });
    const room = await on.room({ members: [friend] });
    const lost = await other.say(room, "lost", { withholdKeys: true });
    const also = await other.say(room, "lost as well", { withholdKeys: true });
    for (const event of [lost, also])
      await until(
        () => on.inbox(event),
        ([row]) => row?.reason === "no key",
      );
    for (const event of [lost, also]) await on.age(event, 31);
    await on.answer(room, /^I cannot read this: its keys never reached me\. Please send it again\.$/);
    await until(
      () => on.inbox(also),
      ([row]) => row?.reason === "told: no key",
    );
    await other.deliverKeys();
    await other.say(room, "and now?");
    await on.answer(room, /and now\?/);
    await on.answer(room, /lost( |$)/);
    await on.answer(room, /lost as well/);
    assert.equal((await on.said(room)).filter((text) => text.startsWith("I cannot read")).length, 1);
  });

  test("is told of otherwise where the sender's client keeps the key from the agent", async () => {
    const room = await on.room();
    const event = await on.owner.say(room, "not for you", { withholdKeys: true });
    await withhold(event, "m.unverified");
    await on.owner.say(room, "another");
    await until(
      () => on.inbox(event),
      ([row]) => row?.reason === "withheld: m.unverified",
    );
    await on.age(event, 31);
    await on.answer(room, /^I cannot read this: your client keeps its keys from me/);
  });

  test("is given up after a week, and the row says why", async () => {
    const room = await on.room();
    const lost = await on.owner.say(room, "never", { withholdKeys: true });
    await until(
      () => on.inbox(lost),
      ([row]) => row?.reason === "no key",
    );
    await on.age(lost, 7 * 86_400 + 1);
    const [row] = await until(
      () => on.inbox(lost),
      ([each]) => each?.state === "refused",
    );
    assert.equal(row?.reason, "unreadable: no key");
  });
});

describe("a push of encrypted events", () => {
  test("is acknowledged while the homeserver answers no call, and answered when it does", async () => {
    const room = await on.room();
    on.homeserver.fail({ path: /\/sync$/, answer: { status: 502, body: {} } });
    const failed = on.homeserver.failedPushes;
    await on.owner.say(room, "are you there?");
    assert.equal(on.homeserver.failedPushes, failed);
    on.homeserver.clearFaults();
    await on.answer(room, "You said: are you there?");
  });

  test("that cannot be understood disturbs none of those beside it", async () => {
    const room = await on.room();
    const contents: Record<string, unknown>[] = [
      { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "garbage" },
      { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "AwgAEg", session_id: "s", sender_key: "k", device_id: "D" },
      { algorithm: "m.megolm.v2", ciphertext: "x", session_id: "s" },
      { algorithm: "m.olm.v1.curve25519-aes-sha2", ciphertext: "x", sender_key: "k" },
      { ciphertext: "x" },
      { algorithm: 7, ciphertext: "x", session_id: { $gt: "" } },
    ];
    const events = contents.map((content, index) => ({
      event_id: `$garbage${index}`,
      room_id: room,
      sender: matrixOwner,
      type: "m.room.encrypted",
      origin_server_ts: Date.now(),
      content,
    }));
    await on.homeserver.push(events);
    await on.owner.say(room, "after the garbage");
    await on.answer(room, "You said: after the garbage");
    for (const { event_id } of events) {
      const [row] = await on.inbox(event_id);
      assert.ok(row?.reason, `${event_id}: ${JSON.stringify(row)}`);
    }
    await on.stage.gateway.sql`update inbox set state = 'ignored' where kind = 'encrypted' and state = 'new'`;
  });

  test("of somebody whose id the crypto library refuses disturbs nobody else, nor does that member", async () => {
    const odd = "@odd:host_with_underscore";
    const room = await on.room();
    await on.homeserver.setState(room, odd, "m.room.member", odd, { membership: "join" });
    await on.homeserver.post(room, odd, "m.room.encrypted", { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "x" })
      .acknowledged;
    await on.homeserver.post(room, matrixOwner, "m.room.encrypted", {
      algorithm: "m.megolm.v1.aes-sha2",
      ciphertext: "x",
    }).acknowledged;
    await on.owner.say(room, "who is that?");
    await on.answer(room, "You said: who is that?");
    await on.health(({ ok }) => ok);
  });

  test("comes through though the device's inbox holds what no machine understands", async () => {
    const room = await on.room();
    const contents: Record<string, unknown>[] = [
      {},
      { algorithm: "m.olm.v1.curve25519-aes-sha2", ciphertext: "x" },
      { algorithm: "m.olm.v1.curve25519-aes-sha2", sender_key: "x", ciphertext: { x: { type: 0, body: "x" } } },
      { algorithm: 7, ciphertext: null },
    ];
    for (const type of ["m.room.encrypted", "m.room_key", "m.room_key.withheld", "m.key.verification.start", "", "x"])
      for (const content of contents) await sendToDevice(type, content);
    await on.owner.say(room, "past the rubbish");
    await on.answer(room, "You said: past the rubbish");
    // The pull after that one tells the homeserver that it has come.
    await on.owner.say(room, "and on");
    await on.answer(room, "You said: and on");
    assert.deepEqual(
      on.homeserver.toDevice(matrixAgent).filter(({ type }) => type === "x"),
      [],
    );
  });

  test("pushed twice is answered once", async () => {
    const room = await on.room();
    const event = await on.owner.say(room, "once");
    await on.answer(room, "You said: once");
    const again = on.homeserver.events.find(({ event_id }) => event_id === event);
    assert.ok(again);
    await on.homeserver.push([again]);
    await on.owner.say(room, "twice");
    await on.answer(room, "You said: twice");
    assert.deepEqual(await on.said(room), ["You said: once", "You said: twice"]);
  });

  test("wakes the agent by nothing but its own commit: what it said itself is not read", async () => {
    const room = await on.room();
    await on.owner.say(room, "hello");
    const own = await on.answer(room, "You said: hello");
    await on.homeserver.waitFor(({ event_id }) => event_id === own.event_id);
    assert.deepEqual(await on.inbox(own.event_id), []);
    assert.equal(own.sender, matrixAgent);
  });
});

/** The owner's client tells the agent that it gets no key, as one for signed devices only does. */
async function withhold(eventId: string, code: string): Promise<void> {
  const event = on.homeserver.events.find(({ event_id }) => event_id === eventId);
  const { algorithm, session_id, sender_key } = event?.content ?? {};
  const content = { algorithm, session_id, sender_key, room_id: event?.room_id, code, reason: code };
  await sendToDevice("m.room_key.withheld", content);
}

/** The owner's client sends the agent's device something. */
async function sendToDevice(type: string, content: Record<string, unknown>): Promise<void> {
  const { homeserver, owner } = on;
  const { accessToken } = homeserver.login(owner.user, owner.device);
  const path = `/_matrix/client/v3/sendToDevice/${type === "" ? "%20" : type}/${randomUUID()}`;
  const answer = await fetch(homeserver.url + path, {
    method: "PUT",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    body: JSON.stringify({ messages: { [matrixAgent]: { OPENCLAW: content } } }),
  });
  assert.equal(answer.status, 200, await answer.text());
}
