import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type EncryptedPerson, startEncryptedPerson } from "../../support/encrypted-person.ts";
import type { StandInEvent } from "../../support/homeserver.ts";
import { type StandInHomeserver, startHomeserver } from "../../support/homeserver.ts";

const anna = "@anna:home.example";
const ben = "@ben:home.example";
const quiet = { awaitPush: false };

describe("two encrypted people in a room", () => {
  let homeserver: StandInHomeserver;
  let room: string;
  const people: EncryptedPerson[] = [];
  let one: EncryptedPerson;
  let other: EncryptedPerson;

  before(async () => {
    homeserver = await startHomeserver();
    people.push(await startEncryptedPerson(homeserver, anna, quiet));
    people.push(await startEncryptedPerson(homeserver, ben, quiet));
    [one, other] = people as [EncryptedPerson, EncryptedPerson];
  });
  beforeEach(() => {
    room = homeserver.createRoom({ members: [anna, ben], encrypted: true });
  });
  after(async () => {
    for (const person of people) await person.close();
    await homeserver.close();
  });
  const event = (id: string): StandInEvent => {
    const found = homeserver.events.find(({ event_id }) => event_id === id);
    assert.ok(found);
    return found;
  };
  const sessionOf = (id: string): unknown => event(id).content["session_id"];

  it("read each other, and the server reads neither", async () => {
    const asked = await one.say(room, "Is the door locked?");
    assert.equal((await other.read(event(asked))).content["body"], "Is the door locked?");
    const answered = await other.say(room, "It is.", { thread: asked });
    const answer = await one.waitForAnswer(room, ben, ({ content }) => content["body"] === "It is.");
    assert.equal(answer.event.event_id, answered);
    assert.equal((answer.event.content["m.relates_to"] as { event_id: string }).event_id, asked);
    assert.equal(event(asked).type, "m.room.encrypted");
    assert.doesNotMatch(JSON.stringify(homeserver.events), /door|It is/);
  });

  it("edit and reply as clients do", async () => {
    const first = await one.say(room, "teh");
    const edit = await one.say(room, "the", { edit: first });
    const reply = await one.say(room, "yes", { replyTo: first });
    const { content } = await other.read(event(edit));
    assert.equal(content["body"], "* the");
    assert.deepEqual(content["m.new_content"], { msgtype: "m.text", body: "the" });
    assert.deepEqual(event(reply).content["m.relates_to"], { "m.in_reply_to": { event_id: first } });
  });

  it("get a new room key after as many messages as asked", async () => {
    const sent: string[] = [];
    for (const body of ["1", "2", "3", "4"]) sent.push(await one.say(room, body, { rotateEvery: 2 }));
    const sessions = sent.map(sessionOf);
    assert.equal(new Set(sessions).size, 2);
    assert.equal(sessions[0], sessions[1]);
    assert.deepEqual(
      (await other.answers(room, anna)).map(({ content }) => content["body"]),
      ["1", "2", "3", "4"],
    );
  });

  it("do not trust a device its owner has not signed, unless asked to", async () => {
    const phone = await other.addUnsignedDevice();
    assert.equal(await one.isSigned(ben, phone.device), false);
    assert.equal(await one.isSigned(ben, other.device), true);
    const withheld = await one.say(room, "for signed devices");
    await assert.rejects(phone.read(event(withheld)), { code: "MissingRoomKey", withheld: "m.unverified" });
    assert.equal((await other.read(event(withheld))).content["body"], "for signed devices");
    const all = await one.say(room, "for all devices", { strategy: "all" });
    assert.equal((await phone.read(event(all))).content["body"], "for all devices");
    const own = await phone.say(room, "from the phone");
    assert.equal((await one.read(event(own))).content["body"], "from the phone");
  });

  it("cannot read without the room key, and can once it comes", async () => {
    const early = await one.say(room, "too early", { withholdKeys: true });
    await assert.rejects(other.read(event(early)), /ben.*cannot decrypt .* of @anna:home.example: MissingRoomKey/);
    await assert.rejects(
      other.waitForAnswer(room, anna, () => true, 50),
      /no such answer of @anna.*MissingRoomKey/,
    );
    await one.deliverKeys();
    assert.equal((await other.read(event(early))).content["body"], "too early");
  });

  it("lose a message whose key message the server has lost", async () => {
    const lost = await one.say(room, "lost");
    assert.ok(homeserver.dropToDevice(ben, other.device) > 0);
    assert.deepEqual(homeserver.toDevice(ben, other.device), []);
    await assert.rejects(other.read(event(lost)), { name: "UndecryptableError", code: "MissingRoomKey" });
  });

  it("verify each other by emoji, in encrypted events", async () => {
    const asking = await one.startVerification(ben, room);
    const asked = await other.acceptVerification(anna);
    const [mine, theirs] = await Promise.all([asking.emoji(), asked.emoji()]);
    assert.equal(mine.length, 7);
    assert.deepEqual(mine, theirs);
    assert.equal(await one.isVerified(ben), false);
    await Promise.all([asking.confirm(), asked.confirm()]);
    assert.equal(await one.isVerified(ben), true);
    assert.equal(await other.isVerified(anna), true);
    const types = homeserver.events.filter(({ room_id }) => room_id === room).map(({ type }) => type);
    assert.deepEqual([...new Set(types)], ["m.room.encrypted"]);
  });

  it("are not verified any more when the identity is a new one", async () => {
    await other.resetIdentity();
    assert.equal(await one.isVerified(ben), false);
    const asked = await one.startVerification(ben, room, { encrypted: false });
    const accepted = await other.acceptVerification(anna, { starts: true });
    const [mine, theirs] = await Promise.all([asked.emoji(), accepted.emoji()]);
    assert.deepEqual(mine, theirs);
    await asked.cancel();
    await assert.rejects(accepted.confirm(), /cannot be had/);
    assert.equal(accepted.cancelled, "m.mismatched_sas");
    assert.equal(await one.isVerified(ben), false);
  });
});
