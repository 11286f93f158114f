import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { UndecryptableError } from "../support/encrypted-person.ts";
import { echo, type EncryptedStage, friend, outboxOf, startEncryptedStage } from "../support/encrypted-stage.ts";
import type { StandInEvent } from "../support/homeserver.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage();
});
afterEach(() => {
  on.homeserver.clearFaults();
  on.homeserver.connect(on.stage.gateway.publicUrl);
  on.stage.model.setScript(echo);
});
after(() => on.stop());

const sessionOf = ({ content }: StandInEvent): unknown => content["session_id"];

/** Says something and waits for its answer. */
async function talk(room: string, text: string): Promise<StandInEvent> {
  await on.owner.say(room, text);
  return on.answer(room, `You said: ${text}`);
}

describe("the room key of what an agent says", () => {
  test("is kept from one message to the next", async () => {
    const room = await on.room();
    assert.equal(sessionOf(await talk(room, "one")), sessionOf(await talk(room, "two")));
  });

  test("is a new one each message where the room's settings want that", async () => {
    const room = await on.room();
    const settings = { algorithm: "m.megolm.v1.aes-sha2", rotation_period_msgs: 1 };
    await on.homeserver.setState(room, matrixOwner, "m.room.encryption", "", settings);
    assert.notEqual(sessionOf(await talk(room, "one")), sessionOf(await talk(room, "two")));
  });

  test("is a new one after a change of who may read the past", async () => {
    const room = await on.room();
    const before = sessionOf(await talk(room, "one"));
    const visibility = { history_visibility: "joined" };
    await on.homeserver.setState(room, matrixOwner, "m.room.history_visibility", "", visibility);
    const after = sessionOf(await talk(room, "two"));
    assert.notEqual(after, before);
    assert.equal(sessionOf(await talk(room, "three")), after);
  });

  test("is a new one when somebody has left, who reads no more", async () => {
    const room = await on.room({ members: [friend] });
    const other = await on.person(friend);
    const before = await talk(room, "one");
    assert.equal((await other.read(before)).content["body"], "You said: one");
    await on.homeserver.setState(room, friend, "m.room.member", friend, { membership: "leave" });
    const after = await talk(room, "two");
    assert.notEqual(sessionOf(after), sessionOf(before));
    await assert.rejects(other.read(after), UndecryptableError);
  });

  test("goes to somebody who joined since the last message", async () => {
    const room = await on.room();
    const before = await talk(room, "one");
    const other = await on.person(friend);
    await on.homeserver.setState(room, friend, "m.room.member", friend, { membership: "join" });
    const after = await talk(room, "two");
    assert.equal((await other.read(after)).content["body"], "You said: two");
    await assert.rejects(other.read(before), UndecryptableError);
  });

  test("goes to signed devices alone; the others are told why not, and the room once in one line", async () => {
    const other = await on.person(friend);
    const room = await on.room({ members: [friend] });
    const unsigned = await other.addUnsignedDevice();
    for (const text of ["one", "two"]) {
      const event = await talk(room, text);
      await assert.rejects(unsigned.read(event), (thrown) => {
        assert.ok(thrown instanceof UndecryptableError);
        assert.equal(thrown.withheld, "m.unverified");
        return true;
      });
    }
    await on.answer(room, /^Not every session here can read me/);
    const lines = async (): Promise<string[]> => (await on.said(room)).filter((text) => text.startsWith("Not every"));
    assert.equal((await lines()).length, 1);
    assert.ok((await lines())[0]?.includes(unsigned.device));
    // A further one is told of, and not the first one again, whatever rotates meanwhile.
    const further = await other.addUnsignedDevice();
    await talk(room, "three");
    await on.homeserver.setState(room, matrixOwner, "m.room.history_visibility", "", { history_visibility: "joined" });
    await talk(room, "four");
    await until(
      () => lines(),
      (said) => said.length >= 2,
    );
    assert.deepEqual(
      (await lines()).map((line) => [line.includes(unsigned.device), line.includes(further.device)]),
      [
        [true, false],
        [false, true],
      ],
    );
  });

  test('goes to every device with share_keys_with = "all"', async () => {
    const other = await on.person(friend);
    const room = await on.room({ members: [friend] });
    const unsigned = await other.addUnsignedDevice();
    on.reconfigure('share_keys_with = "all"');
    const event = await talk(room, "to all");
    assert.equal((await unsigned.read(event)).content["body"], "You said: to all");
    on.reconfigure("");
    const next = await talk(room, "to signed ones");
    await assert.rejects(unsigned.read(next), UndecryptableError);
  });
});

describe("plain text", () => {
  test("is not sent into a room that became encrypted while the answer was made, though nothing was pushed", async () => {
    on.reconfigure("require_encryption = false");
    const room = await on.room({ encrypted: false });
    await on.homeserver.say(room, matrixOwner, "in the open");
    await on.homeserver.waitFor(
      ({ room_id, content }) => room_id === room && content["body"] === "You said: in the open",
    );

    const [asked, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    on.stage.model.setScript(async () => {
      asked.resolve();
      await proceed.promise;
      return { text: "a secret answer" };
    });
    await on.homeserver.say(room, matrixOwner, "still in the open");
    await asked.promise;
    on.homeserver.connect(undefined);
    const turnedOn = on.homeserver.setState(room, matrixOwner, "m.room.encryption", "", {
      algorithm: "m.megolm.v1.aes-sha2",
    });
    proceed.resolve();
    await on.answer(room, "a secret answer");
    on.homeserver.connect(on.stage.gateway.publicUrl);
    await turnedOn;
    assert.deepEqual(
      on.homeserver.sent(room).map(({ type }) => type),
      ["m.room.message", "m.room.encrypted"],
    );
    on.reconfigure("");
  });

  test("is not sent where the homeserver denies that the room is encrypted", async () => {
    const room = await on.room();
    on.homeserver.fail({
      path: /\/state$/,
      answer: {
        status: 200,
        body: [matrixOwner, matrixAgent].map((user) => ({
          type: "m.room.member",
          state_key: user,
          content: { membership: "join" },
        })),
      },
    });
    await talk(room, "more");
    on.homeserver.clearFaults();
    assert.deepEqual(
      on.homeserver.sent(room).map(({ type }) => type),
      ["m.room.encrypted"],
    );
  });

  test("is not sent where it cannot be asked, nor where keys cannot be shared: the answer waits", async () => {
    for (const path of [/\/state$/]) {
      const room = await on.room();
      await talk(room, "before");
      on.homeserver.fail({ path, answer: { status: 502, body: {} } });
      await on.owner.say(room, "more");
      await until(
        () => outboxOf(on, room),
        ([, row]) => row?.state === "pending" && row.attempts > 0,
      );
      on.homeserver.clearFaults();
      await on.answer(room, "You said: more");
      assert.deepEqual(
        on.homeserver.sent(room).map(({ type }) => type),
        ["m.room.encrypted", "m.room.encrypted"],
      );
    }
  });

  test("nor is a message read while nobody can say whose devices are whose: it waits, and is answered", async () => {
    const room = await on.room();
    await talk(room, "before");
    on.homeserver.fail({ path: /\/sync$/, answer: { status: 502, body: {} } });
    await on.owner.say(room, "more");
    const { reason } = await on.health(({ ok }) => !ok);
    assert.match(reason, /keys cannot be fetched: .*502/);
    assert.equal((await outboxOf(on, room)).length, 1);
    on.homeserver.clearFaults();
    await on.answer(room, "You said: more");
  });

  test("is not sent where the algorithm is unknown: it fails, loudly, until the next message that can be encrypted", async () => {
    const room = await on.room();
    await on.homeserver.setState(room, matrixOwner, "m.room.encryption", "", { algorithm: "m.megolm.v9" });
    await on.owner.say(room, "more");
    const [row] = await until(
      () => outboxOf(on, room),
      ([each]) => each?.state === "failed",
    );
    assert.match(row?.reason ?? "", /algorithm is m\.megolm\.v9/);
    assert.deepEqual(on.homeserver.sent(room), []);
    const { reason } = await on.health(({ ok }) => !ok);
    assert.match(reason, /could not be encrypted: .*m\.megolm\.v9/);
    assert.equal(await on.gauge(), 0);
    assert.match(on.stage.gateway.log(), /"level":"error".*an answer could not be sent/);
    await talk(await on.room(), "more");
    await on.health(({ ok }) => ok);
    assert.equal(await on.gauge(), 1);
  });
});

test("a send whose answer was lost is repeated as the very same event", async () => {
  const room = await on.room();
  on.homeserver.fail({ method: "PUT", path: /\/send\/m\.room\.encrypted\//, times: 1, answer: "drop" });
  await on.owner.say(room, "more");
  const [row] = await until(
    () => outboxOf(on, room),
    ([each]) => each?.state === "sent",
  );
  assert.equal(row?.attempts, 2);
  assert.equal(on.homeserver.sent(room).length, 1);
});
