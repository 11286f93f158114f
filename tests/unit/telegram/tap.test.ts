import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import type { InboundMessage } from "../../../lib/channel/types.ts";
import { decodeUpdate } from "../../../lib/telegram/decode.ts";
import { person } from "../../support/telegram-updates.ts";
import { group, me, owner, stranger, testBot, testConfig, unlisted } from "./support.ts";

const bot = testBot();
const config = testConfig(bot);

const inPrivate = { message_id: 7, date: 1, chat: { id: owner, type: "private" } };
const inGroup = { message_id: 7, date: 1, chat: { id: group, type: "supergroup" } };

function decode(query: Record<string, unknown>, of = config) {
  const given = { id: "tap1", from: person(owner), message: inPrivate, data: "approve:abc234", chat_instance: "1" };
  const decoded = decodeUpdate(bot, me, of, { update_id: 9, callback_query: { ...given, ...query } }, new Date(0));
  assert.ok(decoded);
  return decoded;
}

describe("a tap on a button", () => {
  test("is the command it stands for, by the numeric id of who tapped, past the lane", () => {
    const { entry, denial } = decode({ from: person(owner, { username: "anybody" }) });
    assert.equal(denial, undefined);
    assert.deepEqual(entry, {
      source: "telegram:main:9",
      channel: "telegram",
      lane: `telegram:main:${owner}`,
      principal: `telegram:${owner}`,
      kind: "control",
      state: "new",
      body: {
        principal: `telegram:${owner}`,
        text: "",
        command: { name: "approve", argument: "abc234" },
        tap: "tap1",
        attachments: [],
        destination: { channel: "telegram", bot: "main", chat: owner },
        shared: false,
        sentAt: "1970-01-01T00:00:00.000Z",
      } satisfies InboundMessage,
    });
  });

  test("in a topic of a group is answered there, whoever wrote the message", () => {
    const message = { ...inGroup, message_thread_id: 3, is_topic_message: true, from: person(stranger) };
    const { entry } = decode({ message, data: "deny:abc234" });
    assert.deepEqual([entry.lane, entry.state], [`telegram:main:${group}:3`, "new"]);
    const body = entry.body as InboundMessage;
    assert.deepEqual([body.principal, body.shared, body.command?.name], [`telegram:${owner}`, true, "deny"]);
  });

  test("GHSA-hwmr-gqmh-2j2x: of somebody no group names is denied and told to them alone, in their own name", () => {
    for (const message of [inPrivate, inGroup]) {
      const { entry, denial } = decode({ from: person(stranger, { username: "owner" }), message });
      assert.deepEqual([entry.kind, entry.state, entry.body], ["other", "denied", undefined]);
      assert.deepEqual(denial, { bot: "main", chat: message.chat.id, principal: `telegram:${stranger}`, tap: "tap1" });
    }
  });

  for (const [who, from] of [
    ["a bot", person(owner, { is_bot: true })],
    ["an anonymous administrator", person(1087968824)],
    ["a channel", person(136817688)],
    ["Telegram itself", person(777000)],
  ] as const)
    test(`of ${who} is denied, though a group may name it`, () => {
      const groups = new Map(
        [...config.groups].map(([name, one]) => [name, { ...one, members: [`telegram:${from.id}`] }]),
      );
      const { entry } = decode({ from }, { ...config, groups });
      assert.deepEqual([entry.kind, entry.state, entry.body], ["other", "denied", undefined]);
    });

  test("in a group that is not listed is refused, unless it is the operator's", () => {
    const message = { ...inGroup, chat: { id: unlisted, type: "supergroup" } };
    assert.equal(decode({ message }).entry.state, "refused");
    assert.equal(decode({ message }, { ...config, operator: `telegram:${unlisted}` }).entry.state, "new");
  });

  test("that is none of ours is ignored: other data, an inline message, a game", () => {
    const data = [
      "approve",
      "approve:",
      "approve:ABC234",
      "approve:abc234 ",
      "allow:abc234",
      "approve:abc234:1",
      undefined,
    ];
    for (const each of data) assert.equal(decode({ data: each }).entry.state, "ignored", each);
    assert.equal(decode({ message: undefined, inline_message_id: "1" }).entry.state, "ignored");
  });

  test("of any shape is an entry, and only a well-formed one of a person is work", () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            id: fc.oneof(fc.string(), fc.constant("tap1")),
            from: fc.oneof(fc.anything(), fc.constant(person(owner)), fc.record({ id: fc.integer() })),
            message: fc.oneof(fc.anything(), fc.constant(inPrivate)),
            data: fc.oneof(fc.anything(), fc.constant("approve:abc234")),
          },
          { requiredKeys: [] },
        ),
        (query) => {
          const decoded = decodeUpdate(bot, me, config, { update_id: 9, callback_query: query });
          assert.ok(decoded);
          if (decoded.entry.state === "new") assert.equal(decoded.entry.principal, `telegram:${owner}`);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
