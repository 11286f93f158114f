import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { InboundMessage } from "../../../lib/channel/types.ts";
import { roomOf } from "../../../lib/channel/room.ts";
import type { InboxEntry } from "../../../lib/ledger/inbox.ts";
import type { Seat } from "../../../lib/ledger/matrix-rooms.ts";
import { refusal } from "../../../lib/matrix/admit.ts";
import { helper, kid, ops, opsRoom, owner, put, said, seat, stranger, testConfig, testFunction } from "./support.ts";

const direct = "!direct:home.example";

interface Scene {
  readonly seats?: Record<string, readonly Seat[]>;
  readonly members?: number | undefined;
  readonly config?: ReturnType<typeof testConfig>;
}

async function pushed(event: object, scene: Scene = {}): Promise<InboxEntry[]> {
  const { config = testConfig(), ...rest } = scene;
  const { app, inbox } = testFunction({ ...rest, config: () => config });
  assert.equal((await put(app, [event])).status, 200);
  return inbox.all();
}

const bodyOf = (entry: InboxEntry | undefined): InboundMessage => entry?.body as InboundMessage;
const inDirect = { seats: { [direct]: [seat(ops, { direct: true, inviter: owner })] } };

describe("who may speak", () => {
  test("CVE-2026-28471: another homeserver's namesake and a display name like an allowed one get nothing", async () => {
    for (const sender of [
      "@me:evil.example",
      "@me:home.example.evil.example",
      "@ME:home.example",
      "@me2:home.example",
    ]) {
      const [entry] = await pushed(said("Ops: hello", { sender, displayname: owner }));
      assert.deepEqual([entry?.state, entry?.body], ["denied", undefined]);
    }
  });

  test("somebody of a group that names another agent is denied this one", async () => {
    const seats = { [opsRoom]: [seat(ops), seat(helper)] };
    const config = testConfig({ helper: { rooms: [opsRoom] } });
    const entries = await pushed(said("Ops and agent_helper: hello", { sender: kid }), { seats, config });
    assert.deepEqual(
      entries.map((entry) => [entry.lane, entry.state]),
      [
        [`matrix:${ops}|${opsRoom}`, "denied"],
        [`matrix:${helper}|${opsRoom}`, "new"],
      ],
    );
  });

  test("a stranger who addresses nobody leaves no trace", async () => {
    assert.deepEqual(await pushed(said("hello", { sender: stranger })), []);
  });

  test("agents and the service's own user are never answered", async () => {
    for (const sender of [ops, helper, "@agent_gone:home.example", "@openclaw:home.example"])
      assert.deepEqual(await pushed(said("Ops: hello", { sender })), []);
  });

  test("a notice is never answered", async () => {
    assert.deepEqual(await pushed(said("Ops: hello", {}, { msgtype: "m.notice" })), []);
  });
});

describe("where an agent answers", () => {
  test("in a room that its config does not name it refuses", async () => {
    const room = "!other:home.example";
    const [entry] = await pushed(said("Ops: hello", { room_id: room }), { seats: { [room]: [seat(ops)] } });
    assert.deepEqual([entry?.state, entry?.reason, entry?.body], ["refused", "room is not allowed", undefined]);
  });

  test("in a direct chat it answers without being named", async () => {
    const [entry] = await pushed(said("hello", { room_id: direct }), inDirect);
    assert.equal(entry?.state, "new");
    assert.equal(bodyOf(entry).shared, false);
  });

  test("a direct chat whose inviter lost the right, or that config forbids, is refused", async () => {
    const lost = { [direct]: [seat(ops, { direct: true, inviter: stranger })] };
    assert.equal((await pushed(said("hello", { room_id: direct }), { seats: lost }))[0]?.state, "refused");
    const config = testConfig({ ops: { direct: false } });
    assert.equal((await pushed(said("hello", { room_id: direct }), { ...inDirect, config }))[0]?.state, "refused");
  });

  test("GHSA-2gvc-4f3c-2855: a right in a direct chat gives no command in a room, and a room's members none in it", async () => {
    const room = "!other:home.example";
    const there = await pushed(said("!status", { room_id: room }), { seats: { [room]: [seat(ops)] } });
    assert.deepEqual([there[0]?.state, there[0]?.body], ["refused", undefined]);
    const here = await pushed(said("!status", { sender: kid }), {});
    assert.deepEqual([here[0]?.state, here[0]?.body], ["denied", undefined]);
    const guest = await pushed(said("!status", { room_id: direct, sender: kid }), inDirect);
    assert.deepEqual([guest[0]?.state, guest[0]?.body], ["denied", undefined]);
  });

  test("whoever speaks in a group's room is let in there, and in no direct chat", async () => {
    const config = testConfig({ groups: { desk: { rooms: [`matrix:${opsRoom}`], agents: ["ops"] } } });
    const [here] = await pushed(said("Ops: hello", { sender: stranger }), { config });
    assert.equal(here?.state, "new");
    const [private_] = await pushed(said("hello", { room_id: direct, sender: stranger }), { ...inDirect, config });
    assert.equal(private_?.state, "denied");
    const other = "!other:home.example";
    const elsewhere = { seats: { [other]: [seat(ops)] }, config };
    assert.equal(
      (await pushed(said("Ops: hello", { room_id: other, sender: stranger }), elsewhere))[0]?.state,
      "denied",
    );
  });

  test("an upgraded room counts as the one it replaced, so that no upgrade shakes off a room's rules", async () => {
    const upgraded = "!upgraded:home.example";
    const seats = { [upgraded]: [seat(ops, { origin: opsRoom })] };
    const rooms = { [`matrix:${opsRoom}`]: { deny: ["*"] } };
    const groups = { desk: { rooms: [`matrix:${opsRoom}`], agents: ["ops"] } };
    const message = said("Ops: hello", { room_id: upgraded, sender: stranger });
    const [entry] = await pushed(message, { seats, config: testConfig({ rooms, groups }) });
    const { destination } = bodyOf(entry);
    assert.equal(roomOf(destination), `matrix:${opsRoom}`);
    assert.equal(destination.channel === "matrix" && destination.room, upgraded);
    // Once config names the new room, that one's rules hold.
    const named = testConfig({ groups, rooms: { ...rooms, [`matrix:${upgraded}`]: { deny: [] } } });
    assert.equal((await pushed(message, { seats, config: named }))[0]?.state, "denied");
  });

  test("a direct chat with a third person is a room with others", async () => {
    assert.deepEqual(await pushed(said("hello", { room_id: direct }), { ...inDirect, members: 3 }), []);
    const [entry] = await pushed(said("Ops: hello", { room_id: direct }), { ...inDirect, members: 3 });
    assert.equal(bodyOf(entry).shared, true);
  });

  test("where nobody can count, a direct chat's message is taken, as one in a room with others", async () => {
    const [entry] = await pushed(said("hello", { room_id: direct }), { ...inDirect, members: undefined });
    assert.equal(entry?.state, "new");
    assert.equal(bodyOf(entry).shared, true);
  });

  test("what comes without encryption into an encrypted room is not read, and the room is told", async () => {
    const { app, inbox, told } = testFunction({ seats: { [opsRoom]: [seat(ops, { encrypted: true })] } });
    await put(app, [said("Ops: hello")]);
    const [entry] = inbox.all();
    assert.deepEqual([entry?.state, entry?.reason, entry?.body], ["refused", refusal.unencryptedMessage, undefined]);
    assert.match(told[0]?.text ?? "", /without encryption, and this room has it/);
  });

  test("a room without encryption is not read where the agent requires it, and is told", async () => {
    const { app, inbox, told } = testFunction({ config: () => testConfig({ encrypted: true }) });
    await put(app, [said("Ops: hello")]);
    const [entry] = inbox.all();
    assert.deepEqual([entry?.state, entry?.reason, entry?.body], ["refused", refusal.unencryptedRoom, undefined]);
    assert.match(told[0]?.text ?? "", /Turn on encryption/);
  });

  test("an edit without encryption changes nothing in an encrypted room", async () => {
    const { app, inbox } = testFunction({ seats: { [opsRoom]: [seat(ops, { encrypted: true })] } });
    const relation = { "m.relates_to": { rel_type: "m.replace", event_id: "$e" }, "m.new_content": { body: "forged" } };
    await put(app, [said("* forged", {}, relation)]);
    assert.deepEqual(inbox.all(), []);
  });

  test("an encrypted event waits for each agent there that its sender may use, and for no other", async () => {
    const { app, inbox, encrypted } = testFunction({ seats: { [opsRoom]: [seat(ops), seat(helper)] } });
    const event = (sender: string): object =>
      said("", { type: "m.room.encrypted", sender, event_id: `$of${sender}`, content: { ciphertext: "sealed" } });
    await put(app, [event(owner), event(stranger)]);
    assert.deepEqual(
      inbox.all().map((entry) => [entry.kind, entry.state, entry.lane, entry.reason]),
      [
        ["encrypted", "new", `matrix-encrypted:${ops}`, undefined],
        ["encrypted", "refused", `matrix-encrypted:${helper}`, "room is not allowed"],
      ],
    );
    assert.equal(encrypted.size, 0, "any member can send such an event: only the room's state counts");
  });

  test("pushed to-device messages and device lists wake those they concern, and are not used", async () => {
    const { app, inbox, woken } = testFunction();
    const transaction = (more: object): Promise<Response> =>
      put(app, [], { body: JSON.stringify({ events: [], ...more }) });
    await transaction({ "de.sorunome.msc2409.to_device": [{ to_user_id: helper }, { to_user_id: stranger }, null] });
    assert.deepEqual(woken.splice(0), [helper]);
    await transaction({ "org.matrix.msc3202.device_lists": { changed: [owner], left: [] } });
    assert.deepEqual(woken.splice(0), [ops, helper]);
    await transaction({ "org.matrix.msc3202.device_lists": { changed: [] } });
    assert.deepEqual([woken, inbox.all()], [[], []]);
  });

  test("a room that turns encryption on is known as encrypted", async () => {
    const { app, encrypted } = testFunction();
    await put(app, [said("", { type: "m.room.encryption", state_key: "", content: {} })]);
    assert.deepEqual([...encrypted], [opsRoom]);
  });

  test("while the rooms are not known yet a message in an unknown one is not acknowledged, and so pushed again", async () => {
    let settled = false;
    const { app, inbox } = testFunction({ seats: {}, settled: () => settled });
    assert.equal((await put(app, [said("hello")])).status, 500);
    assert.deepEqual(inbox.all(), []);
    settled = true;
    assert.equal((await put(app, [said("hello")])).status, 200);
  });

  test("a message in a room that no agent is known to be in is recorded", async () => {
    const [entry] = await pushed(said("hello"), { seats: {} });
    assert.deepEqual([entry?.kind, entry?.state, entry?.reason], ["other", "ignored", "no agent is joined"]);
    assert.deepEqual(await pushed(said("hello", { sender: stranger }), { seats: {} }), []);
  });
});

describe("being addressed in a room with others", () => {
  const heard = async (body: string, content: object = {}, scene: Scene = {}): Promise<boolean> =>
    (await pushed(said(body, {}, content), scene)).length > 0;

  test("by name, localpart or id as a whole word, in any case", async () => {
    for (const body of ["Ops: x", "what does OPS think", "agent_ops?", "(ops)", "hey @agent_ops:home.example", "…ops…"])
      assert.ok(await heard(body), body);
    for (const body of ["hello", "devops", "opsroom", "ops_", "stops", "öps", "opsé"])
      assert.ok(!(await heard(body)), body);
  });

  test("by m.mentions and by a link in the HTML", async () => {
    assert.ok(await heard("x", { "m.mentions": { user_ids: [ops] } }));
    assert.ok(!(await heard("x", { "m.mentions": { user_ids: [helper, 7] } })));
    assert.ok(!(await heard("x", { "m.mentions": { user_ids: `${ops}` } })));
    assert.ok(await heard("x", { formatted_body: `<a href="https://matrix.to/#/${encodeURIComponent(ops)}">O</a>` }));
  });

  test("by a reply to what it said, asked in one query and only where needed", async () => {
    const { app, inbox, asked } = testFunction();
    const reply = (id: string): object => ({ "m.relates_to": { "m.in_reply_to": { event_id: id } } });
    await put(app, [
      said("one", {}, reply("$from-ops")),
      said("two", {}, reply("$from-other")),
      said("Ops three", {}, reply("$x")),
      said("four", { sender: stranger }, reply("$from-ops")),
    ]);
    assert.deepEqual(asked, [["$from-ops", "$from-other"]]);
    assert.deepEqual(
      inbox.all().map((entry) => bodyOf(entry).text),
      ["one", "Ops three"],
    );
  });

  test("always, where config says so", async () => {
    assert.ok(await heard("hello", {}, { config: testConfig({ ops: { answer: "always" } }) }));
  });

  test("a command counts for the only agent there, or for the one it names", async () => {
    const both = {
      seats: { [opsRoom]: [seat(ops), seat(helper)] },
      config: testConfig({ helper: { rooms: [opsRoom] } }),
    };
    const [alone] = await pushed(said("!help"));
    assert.deepEqual([alone?.kind, bodyOf(alone).command], ["control", { name: "help", argument: "" }]);
    assert.deepEqual(await pushed(said("!help"), both), []);
    const named = await pushed(said("Ops: !new now"), both);
    assert.deepEqual(
      named.map((entry) => [entry.kind, entry.lane, bodyOf(entry).command]),
      [["message", `matrix:${ops}|${opsRoom}`, { name: "new", argument: "now" }]],
    );
  });

  test("Telegram's own commands are plain words", async () => {
    const [entry] = await pushed(said("Ops: !agent helper"));
    assert.deepEqual([entry?.kind, bodyOf(entry).command, bodyOf(entry).text], ["message", undefined, "!agent helper"]);
  });
});

describe("what an agent is given", () => {
  const textOf = async (body: string, content: object = {}): Promise<string> =>
    bodyOf((await pushed(said(body, {}, content)))[0]).text;

  test("the name in front goes, a name that belongs to the sentence stays", async () => {
    assert.equal(await textOf("Ops: hello"), "hello");
    assert.equal(await textOf("@ops, hello"), "hello");
    assert.equal(await textOf(`${ops} hello`), "hello");
    assert.equal(await textOf(`[Ops](https://matrix.to/#/${ops}): hello`), "hello");
    assert.equal(await textOf("Ops hello", { "m.mentions": { user_ids: [ops] } }), "hello");
    assert.equal(await textOf("Ops is what team?"), "Ops is what team?");
    assert.equal(await textOf("Ops"), "Ops");
    assert.equal(await textOf("Ops:"), "Ops:");
  });

  test("where it came from, where the answer goes, and the thread as a mailbox of its own", async () => {
    const relation = { rel_type: "m.thread", event_id: "$root", is_falling_back: true };
    const event = said("Ops: hello", { event_id: "$this" }, { "m.relates_to": relation });
    const [entry] = await pushed(event);
    assert.equal(entry?.source, `matrix:$this:${ops}`);
    assert.equal(entry?.lane, `matrix:${ops}|${opsRoom}|$root`);
    assert.equal(entry?.principal, `matrix:${owner}`);
    assert.deepEqual(bodyOf(entry), {
      principal: `matrix:${owner}`,
      senderName: owner,
      text: "hello",
      attachments: [],
      destination: { channel: "matrix", user: ops, room: opsRoom, thread: "$root", replyTo: "$this" },
      shared: true,
      sentAt: "2025-10-09T08:53:20.000Z",
    });
  });
});

describe("memberships", () => {
  const member = (user: string): object =>
    said("", { type: "m.room.member", state_key: user, content: { membership: "invite", is_direct: true } });

  test("one of ours is kept for the membership task, with no more than its facts", async () => {
    const [entry] = await pushed({ ...member(ops), event_id: "$m" });
    assert.deepEqual(
      [entry?.source, entry?.lane, entry?.kind, entry?.state],
      [`matrix:$m:${ops}`, "matrix:membership", "membership", "new"],
    );
    assert.deepEqual(entry?.body, {
      user: ops,
      room: opsRoom,
      membership: "invite",
      sender: owner,
      isDirect: true,
      eventId: "$m",
    });
  });

  test("an invite of a user that config no longer names is kept too, to be declined", async () => {
    assert.equal((await pushed(member("@agent_gone:home.example")))[0]?.kind, "membership");
  });

  test("other people's are nothing to us", async () => {
    assert.deepEqual(await pushed(member(kid)), []);
  });
});
