/** The clients that the gateway's encryption is tested with, among themselves on a real Synapse. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { patienceMs } from "../support/until.ts";
import type { EncryptedFile } from "./support/encrypted-attachment.ts";
import { type EncryptedPerson, login, startEncryptedPerson } from "./support/encrypted-person.ts";
import { type NioPerson, startNioPerson } from "./support/nio.ts";
import type { Person } from "./support/person.ts";
import { startSynapse, type Synapse, type SynapseUser } from "./support/synapse.ts";

describe("clients that encrypt", () => {
  const people: { stop(): void | Promise<void> }[] = [];
  let synapse: Synapse;
  let ada: EncryptedPerson;
  let bob: EncryptedPerson;
  let room: string;

  before(async () => {
    synapse = await startSynapse({ flags: true });
    ada = await start("ada", { signedDevicesOnly: true });
    bob = await start("bob", { signedDevicesOnly: true });
    room = await shareRoom(ada, bob, { rotationMessages: 2 });
  });
  after(async () => {
    await Promise.all(people.map(async (person) => person.stop()));
    await synapse?.stop();
  });

  test("give their keys to signed devices, in every session of a room that changes them", async () => {
    for (const text of ["one", "two", "three", "four", "five"]) await ada.say(room, text);
    await bob.say(room, "six");
    await bob.message(room, ada.userId, "five");
    await ada.message(room, bob.userId, "six");
    const texts = bob.messagesOf(room, ada.userId).map((event) => String(event.getContent().body));
    assert.deepEqual(texts, ["one", "two", "three", "four", "five"]);
    const sessions = new Set(
      bob.messagesOf(room, ada.userId).map((event) => String(event.getWireContent()["session_id"])),
    );
    assert.equal(sessions.size, 3);
  });

  for (const [from, to] of [
    ["ada", "bob"],
    ["bob", "ada"],
  ] as const)
    test(`carry an image from ${from} to ${to}`, async () => {
      const [sender, reader] = from === "ada" ? [ada, bob] : [bob, ada];
      const bytes = randomBytes(50_000);
      const sent = await sender.sendImage(room, bytes, "image/png", `${from}.png`);
      const event = await reader.message(room, sender.userId, `${from}.png`);
      assert.equal(event.getId(), sent);
      assert.equal(event.getContent().msgtype, "m.image");
      assert.deepEqual(await reader.download(event.getContent().file as EncryptedFile), bytes);
    });

  test("carry a file of any kind, and refuse one that was changed", async () => {
    await ada.sendFile(room, Buffer.from("a,b\n"), "text/csv", "table.csv");
    const event = await bob.message(room, ada.userId, "table.csv");
    const file = event.getContent().file as EncryptedFile;
    assert.equal(String(await bob.download(file)), "a,b\n");
    await assert.rejects(bob.download({ ...file, hashes: { sha256: "other" } }), /not the one that was sent/);
  });

  test("carry edits, reactions, replies and threads", async () => {
    const root = await ada.say(room, "first draft");
    await bob.message(room, ada.userId, "first draft");
    const edit = await ada.edit(room, root, "second draft");
    const reaction = await bob.react(room, root, "👍");
    const reply = await bob.reply(room, root, "a reply");
    const threaded = await bob.thread(room, root, "in the thread");

    const edited = await bob.event(room, "the edit", (event) => event.getId() === edit);
    assert.equal((edited.getContent()["m.new_content"] as { body: string }).body, "second draft");
    assert.equal(edited.getRelation()?.event_id, root);
    const reacted = await ada.event(room, "the reaction", (event) => event.getId() === reaction);
    assert.deepEqual(reacted.getRelation(), { rel_type: "m.annotation", event_id: root, key: "👍" });
    const replied = await ada.message(room, bob.userId, "a reply");
    assert.deepEqual([replied.getId(), replied.replyEventId], [reply, root]);
    const inThread = await ada.decrypted(await ada.message(room, bob.userId, "in the thread"));
    assert.equal(inThread.getId(), threaded);
    assert.equal(inThread.getType(), "m.room.message");
    assert.deepEqual(inThread.getRelation(), { rel_type: "m.thread", event_id: root });
  });

  test("leave no message in the clear on the homeserver", async () => {
    const stored = await synapse.storedEvents(ada.user, room);
    const types = stored.filter(({ sender, state_key }) => sender === bob.userId && state_key === undefined);
    assert.deepEqual(new Set(types.map(({ type }) => type)), new Set(["m.room.encrypted", "m.reaction"]));
  });

  test("give no key to a device that its owner has not signed", async () => {
    const second = keep(await login(synapse.url, bob.user));
    const fromSecond = await second.say(room, "who reads this?");
    const secret = await ada.say(room, "for signed devices");
    await bob.message(room, ada.userId, "for signed devices");
    const reason = await second.undecryptable(room, secret);
    assert.equal(reason, "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE");
    assert.equal(second.messagesOf(room, ada.userId).length, 0);

    assert.equal(await ada.undecryptable(room, fromSecond), "UNSIGNED_SENDER_DEVICE");
  });

  test("say so when the emojis do not match, whoever starts the comparison", async () => {
    const [asked, accepted] = await Promise.all([
      ada.askToVerify(room, bob.userId, { starts: false }),
      bob.acceptToVerify(room, ada.userId, { starts: true }),
    ]);
    await Promise.all([asked.emojis(), accepted.emojis()]);
    await asked.mismatch();
    await assert.rejects(accepted.confirm());
    assert.equal(await bob.isVerified(ada.userId), false);
  });

  test("verify each other by emojis", async () => {
    const [asked, accepted] = await Promise.all([
      ada.askToVerify(room, bob.userId),
      bob.acceptToVerify(room, ada.userId),
    ]);
    const emojis = await asked.emojis();
    assert.equal(emojis.length, 7);
    assert.deepEqual(await accepted.emojis(), emojis);
    await Promise.all([asked.confirm(), accepted.confirm()]);
    await Promise.all([ada.untilVerified(bob.userId), bob.untilVerified(ada.userId)]);
  });

  test("notice that somebody verified has a new identity", async () => {
    await bob.resetIdentity();
    await eventually(async () => !(await ada.isVerified(bob.userId)));
    const status = await ada.crypto.getUserVerificationStatus(bob.userId);
    assert.equal(status.wasCrossSigningVerified(), true);
    // Whoever was verified gets nothing more until somebody decides.
    await assert.rejects(ada.say(room, "to whom?"), /verified/i);
  });

  test("of two families understand each other", async () => {
    const nio: NioPerson = keep(
      await startNioPerson({ url: synapse.url, user: await synapse.registerUser("nora", "secret") }),
    );
    const carl = await start("carl", {});
    const shared = await carl.createEncryptedRoom({ invite: [nio.userId], isDirect: true });
    await nio.join(shared);
    await joined(carl, shared, nio.userId);
    await nio.joined(shared, carl.userId);

    await carl.say(shared, "hello nio");
    const heard = await nio.message(shared, carl.userId, "hello nio");
    assert.deepEqual([heard.encrypted, heard.type], [true, "m.room.message"]);
    const sent = await nio.say(shared, "hello rust");
    const answer = await carl.message(shared, nio.userId, "hello rust");
    assert.equal(answer.getId(), sent);
    assert.equal(answer.isEncrypted(), true);
    assert.equal(nio.messagesOf(shared, carl.userId).length, 1);
  });

  async function start(
    name: string,
    options: { signedDevicesOnly?: boolean; crossSigned?: boolean },
  ): Promise<EncryptedPerson> {
    const user: SynapseUser = await synapse.registerUser(name, "secret");
    return keep(await startEncryptedPerson(synapse.url, user, options));
  }

  function keep<Peer extends { stop(): void | Promise<void> }>(peer: Peer): Peer {
    people.push(peer);
    return peer;
  }
});

async function shareRoom(
  owner: EncryptedPerson,
  guest: EncryptedPerson,
  options: { rotationMessages?: number },
): Promise<string> {
  const room = await owner.createEncryptedRoom({ invite: [guest.userId], ...options });
  await guest.join(room);
  await joined(owner, room, guest.userId);
  return room;
}

function joined(person: Person, room: string, userId: string): Promise<void> {
  return person.until(room, `${userId} to join`, (found) => found.getMember(userId)?.membership === "join");
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, "it did not come to be so in time");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
