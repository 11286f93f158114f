import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { knownIdentities, trustDevice, trustIdentity } from "../../lib/ledger/matrix-identities.ts";
import { UndecryptableError } from "../support/encrypted-person.ts";
import { type EncryptedStage, friend, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage();
});
after(() => on.stop());

const known = async (user: string) => (await knownIdentities(on.stage.gateway.sql, [user])).get(user);
/** States and reasons of an event's rows that are not about its encryption. */
const outcome = async (event: string) =>
  (await on.inbox(event)).filter(({ kind }) => kind === "message").map(({ state, reason }) => [state, reason]);
const refused = (event: string, why: string) =>
  until(
    () => outcome(event),
    ([row]) => row?.[0] === "refused" && row[1] === why,
  );

describe("a person", () => {
  test("is believed from the first message on, and known by that identity", async () => {
    const room = await on.room();
    await on.owner.say(room, "hello");
    await on.answer(room, "You said: hello");
    const identity = await known(matrixOwner);
    assert.match(identity?.masterKey ?? "", /^[A-Za-z0-9+/]{43}$/);
    assert.equal(identity?.verified, false);
  });

  test("with another identity gets no run and no key, but one clear line they can read, until it is trusted", async () => {
    const other = await on.person(friend, { rotateEvery: 1 });
    const room = await on.room({ members: [friend] });
    await other.say(room, "it is me");
    await on.answer(room, "You said: it is me");
    const first = (await known(friend))?.masterKey;

    await other.resetIdentity();
    const unheard = await other.say(room, "it is still me");
    await refused(unheard, "sender not believed: another identity");
    await on.answer(room, /^I did not act on that: your encryption identity is not the one/, other);
    const again = await other.say(room, "really");
    await refused(again, "sender not believed: another identity");
    assert.equal((await on.said(room)).filter((text) => text.startsWith("I did not act")).length, 1);
    assert.equal(
      await until(
        () => on.failures("disbelieved"),
        (count) => count >= 2,
      ),
      2,
    );

    // Others are still answered there, and the stranger reads nothing of that, but why.
    await on.owner.say(room, "who was that?");
    const secret = await on.answer(room, "You said: who was that?");
    await assert.rejects(other.read(secret), UndecryptableError);
    await on.answer(room, /has another encryption identity than the one I know/, other);

    const identity = await known(friend);
    assert.equal(identity?.masterKey, first);
    const shown = identity?.seen.masterKey;
    assert.ok(shown !== undefined && shown !== first);
    await trustIdentity(on.stage.gateway.sql, friend, shown, false);
    await other.say(room, "and now?");
    const answer = await on.answer(room, "You said: and now?");
    assert.equal((await other.read(answer)).content["body"], "You said: and now?");
    for (const text of ["it is still me", "really"]) assert.ok(!on.asked().includes(text));
  });

  test("on a device the account was given and they have not signed gets no run, until the device is trusted", async () => {
    const room = await on.room();
    await on.owner.say(room, "from my phone");
    await on.answer(room, "You said: from my phone");
    const added = await on.owner.addUnsignedDevice();
    const unheard = await added.say(room, "give me the keys");
    await refused(unheard, "sender not believed: unsigned device");
    const line = await on.answer(
      room,
      /^I did not act on that: it came from a session \(\w+\) that you have not verified/,
    );
    assert.equal((await added.read(line)).type, "m.room.message");
    assert.ok((await on.said(room)).some((text) => text.includes(`(${added.device})`)));

    const { device } = (await known(matrixOwner))?.seen ?? {};
    assert.equal(device?.id, added.device);
    await trustDevice(on.stage.gateway.sql, matrixOwner, device.ed25519);
    await added.say(room, "it is mine");
    await on.answer(room, "You said: it is mine");
    assert.ok(!on.asked().includes("give me the keys"));
  });

  test('is believed on any device with sender_trust = "any"', async () => {
    const room = await on.room();
    const added = await on.owner.addUnsignedDevice();
    on.reconfigure('sender_trust = "any"');
    await added.say(room, "from anywhere");
    await on.answer(room, "You said: from anywhere");
    on.reconfigure("");
    const unheard = await added.say(room, "from anywhere else");
    await refused(unheard, "sender not believed: unsigned device");
  });

  test("without cross-signing is never pinned, and the line says what to do", async () => {
    const plain = await on.person("@plain:home.example", { crossSigned: false });
    on.reconfigure("");
    const room = await on.room({ members: [plain.user] });
    // Nobody of the config: nothing is read, nor said.
    const event = await plain.say(room, "hello from nobody");
    await on.owner.say(room, "hello from somebody");
    await on.answer(room, "You said: hello from somebody");
    assert.deepEqual(await on.inbox(event), []);
    assert.equal(await known(plain.user), undefined);
  });
});

describe("in an encrypted room", () => {
  test("a message without encryption gets no run, and one line says so", async () => {
    const room = await on.room();
    const forged = await on.homeserver.say(room, matrixOwner, "open the door");
    await refused(forged, "sent without encryption into an encrypted room");
    await on.homeserver.say(room, matrixOwner, "open the other door");
    await on.answer(room, /^I did not read that: it came without encryption/);
    await on.owner.say(room, "hello");
    await on.answer(room, "You said: hello");
    // Another line may come, at any time: that the owner's unsigned device cannot read what is said.
    const said = await on.said(room);
    assert.equal(said.filter((text) => text.startsWith("I did not read that")).length, 1, said.join("\n"));
    assert.ok(on.asked().every((text) => !text.includes("door")));
  });

  test("an edit without encryption changes nothing, an encrypted one of the same person does", async () => {
    const room = await on.room();
    const [asked, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    on.stage.model.setScript(async ({ n, messages }) => {
      const text = JSON.stringify(messages.findLast(({ role }) => role === "user")?.content);
      if (text.includes("wait")) {
        asked.resolve();
        await proceed.promise;
      }
      return { text: `Answer ${n}: ${text}` };
    });
    await on.owner.say(room, "wait");
    await asked.promise;
    const original = await on.owner.say(room, "the first wording");
    await until(
      () => outcome(original),
      ([row]) => row?.[0] === "new",
    );
    const content = { msgtype: "m.text", body: "forged wording" };
    const forged = on.homeserver.post(room, matrixOwner, "m.room.message", {
      ...content,
      "m.new_content": content,
      "m.relates_to": { rel_type: "m.replace", event_id: original },
    });
    await forged.acknowledged;
    const edit = await on.owner.say(room, "the second wording", { edit: original });
    await until(async () => {
      const rows = await on.stage.gateway.sql`select 1 from inbox where source = ${`matrix:${edit}#edit`}`;
      return rows.length > 0;
    });
    proceed.resolve();
    await on.answer(room, /the second wording/);
    assert.ok(!on.asked().some((text) => /first|forged/.test(text)));
  });

  test("a redaction or a membership that is encrypted is none", async () => {
    const room = await on.room();
    const { gateway, model } = on.stage;
    const [asked, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    model.setScript(async ({ messages }) => {
      const text = JSON.stringify(messages.findLast(({ role }) => role === "user")?.content);
      if (text.includes("wait")) {
        asked.resolve();
        await proceed.promise;
      }
      return { text: `Answer: ${text}` };
    });
    await on.owner.say(room, "wait");
    await asked.promise;
    const pending = await on.owner.say(room, "still there");
    await until(
      () => outcome(pending),
      ([row]) => row?.[0] === "new",
    );
    const before = await gateway.sql`select 1 from inbox where kind <> 'encrypted'`;
    const fakes = [
      await on.owner.sendEncrypted(room, "m.room.redaction", { redacts: pending }),
      await on.owner.sendEncrypted(room, "m.room.member", { membership: "leave" }),
      await on.owner.sendEncrypted(room, "m.room.tombstone", { replacement_room: "!evil:home.example" }),
      await on.owner.sendEncrypted(room, "m.reaction", {
        "m.relates_to": { rel_type: "m.annotation", event_id: pending, key: "👍" },
      }),
    ];
    for (const fake of fakes)
      await until(
        () => on.inbox(fake),
        ([row]) => row?.state === "done",
      );
    assert.equal((await gateway.sql`select 1 from inbox where kind <> 'encrypted'`).length, before.length);
    proceed.resolve();
    await on.answer(room, /still there/);
  });
});
