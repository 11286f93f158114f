import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { InboundMessage } from "../../../lib/channel/types.ts";
import { matrixLane } from "../../../lib/ledger/matrix-events.ts";
import { admit } from "../../../lib/matrix/admit.ts";
import {
  helper,
  kid,
  message,
  ops,
  opsRoom,
  owner,
  put,
  said,
  seat,
  stranger,
  testConfig,
  testFunction,
} from "./support.ts";

const target = "$question";
const lane = matrixLane(ops, opsRoom);
const questions = { [target]: { code: "abc234", lane, user: ops, room: opsRoom, thread: undefined } };

const reacted = (key: unknown, more: Record<string, unknown> = {}, to = target): object =>
  said("", { type: "m.reaction", ...more }, { "m.relates_to": { rel_type: "m.annotation", event_id: to, key } });

async function entriesOf(event: object, options: Parameters<typeof testFunction>[0] = {}) {
  const { app, inbox } = testFunction({ questions, ...options });
  assert.equal((await put(app, [event])).status, 200);
  return inbox.all();
}

describe("a reaction on a question", () => {
  for (const [key, name] of [
    ["✅", "approve"],
    ["✅\ufe0f", "approve"],
    ["❌", "deny"],
    ["❌\ufe0f", "deny"],
  ] as const)
    test(`${JSON.stringify(key)} is the command ${name}, past the lane`, async () => {
      const [entry, ...more] = await entriesOf(reacted(key));
      assert.deepEqual(more, []);
      assert.deepEqual(
        [entry?.kind, entry?.state, entry?.lane, entry?.principal],
        ["control", "new", lane, `matrix:${owner}`],
      );
      const body = entry?.body as InboundMessage;
      assert.deepEqual(body.command, { name, argument: "abc234" });
      assert.equal(body.text, "");
      assert.deepEqual(body.destination, { channel: "matrix", user: ops, room: opsRoom, replyTo: target });
    });

  for (const key of ["👍", "✅✅", " ✅", "✅\ufe0f\ufe0f", "approve", "", 1, "✔️", "❌️x"])
    test(`${JSON.stringify(key)} is no answer`, async () => {
      assert.deepEqual(await entriesOf(reacted(key)), []);
    });

  test("GHSA-9vvh-2768-c8vp: of a stranger is denied, and its body not kept", async () => {
    const [entry] = await entriesOf(reacted("✅", { sender: stranger }));
    assert.deepEqual([entry?.kind, entry?.state, entry?.body], ["other", "denied", undefined]);
  });

  test("CVE-2026-28471: of the same localpart on another homeserver is a stranger's", async () => {
    for (const sender of ["@me:evil.example", "@me:home.example.evil.example", "@Me:home.example"]) {
      const [entry] = await entriesOf(reacted("✅", { sender }));
      assert.deepEqual([entry?.principal, entry?.state], [`matrix:${sender}`, "denied"]);
    }
  });

  test("of an agent is nothing", async () => {
    for (const sender of [ops, helper, "@agent_other:home.example"])
      assert.deepEqual(await entriesOf(reacted("✅", { sender })), []);
  });

  test("in another room than it was asked in, or where its agent is no more, is nothing", async () => {
    const elsewhere = "!else:home.example";
    const seats = { [opsRoom]: [seat(ops)], [elsewhere]: [seat(ops)] };
    assert.deepEqual(await entriesOf(reacted("✅", { room_id: elsewhere }), { seats }), []);
    assert.deepEqual(await entriesOf(reacted("✅"), { seats: { [opsRoom]: [seat(helper)] } }), []);
  });

  test("on any other event is nothing, and as a state event it is none", async () => {
    assert.deepEqual(await entriesOf(reacted("✅", {}, "$other")), []);
    assert.deepEqual(await entriesOf(reacted("✅", { state_key: "" })), []);
  });

  test("in an encrypted room counts unless the config says otherwise", async () => {
    const seats = { [opsRoom]: [seat(ops, { encrypted: true })] };
    assert.equal((await entriesOf(reacted("✅"), { seats }))[0]?.state, "new");
    const config = testConfig({ approvals: { reactions: false } });
    const [entry] = await entriesOf(reacted("✅"), { seats, config: () => config });
    assert.deepEqual([entry?.state, entry?.kind], ["refused", "other"]);
    assert.equal((await entriesOf(reacted("✅"), { config: () => config }))[0]?.state, "new");
  });
});

describe("an answer by words", () => {
  const config = testConfig({ ops: { answer: "always" }, helper: { answer: "always", rooms: [opsRoom] } });
  const both = { seats: [seat(helper), seat(ops)], members: 4, answers: undefined };

  test("goes to one agent of several, though all of them answer", () => {
    assert.equal(admit(config, message("hello"), both).length, 2);
    const entries = admit(config, message("!approve abc234"), both);
    assert.deepEqual(
      entries.map(({ kind, lane: to }) => [kind, to]),
      [["control", matrixLane(helper, opsRoom)]],
    );
  });

  test("goes to one agent of several, though none is named", () => {
    const quiet = testConfig({ helper: { rooms: [opsRoom] } });
    assert.equal(admit(quiet, message("hello"), both).length, 0);
    assert.equal(admit(quiet, message("!deny abc234"), both).length, 1);
  });

  test("goes to one that its sender may talk to", () => {
    const turned = { ...both, seats: [seat(ops), seat(helper)] };
    const [entry] = admit(config, message("!approve abc234", { sender: kid }), turned);
    assert.deepEqual([entry?.state, entry?.lane], ["new", matrixLane(helper, opsRoom)]);
    assert.equal(admit(config, message("!approve abc234", { sender: stranger }), turned)[0]?.state, "denied");
  });
});
