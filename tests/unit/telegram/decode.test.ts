import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { InboundMessage } from "../../../lib/channel/types.ts";
import type { InboxEntry } from "../../../lib/ledger/inbox.ts";
import { decodeUpdate } from "../../../lib/telegram/decode.ts";
import { groupText, messageUpdate, person, privateText } from "../../support/telegram-updates.ts";
import { group, me, owner, stranger, testBot, testConfig, unlisted } from "./support.ts";

const bot = testBot();
const config = testConfig(bot);
const decode = (update: unknown, identity = me) => {
  const decoded = decodeUpdate(bot, identity, config, update);
  assert.ok(decoded);
  return decoded;
};
const entryOf = (update: unknown): InboxEntry => decode(update).entry;
const bodyOf = (update: unknown): InboundMessage => {
  const entry = entryOf(update);
  assert.equal(entry.state, "new", entry.reason);
  return entry.body as InboundMessage;
};
const inPrivate = (content: Record<string, unknown>) =>
  messageUpdate(person(owner), { id: owner, type: "private" }, content);
const inGroup = (content: Record<string, unknown>) =>
  messageUpdate(person(owner, { last_name: "Lovelace" }), { id: group, type: "supergroup" }, content);

describe("who is let in", () => {
  test("a private text of an allowed person becomes a message", () => {
    const update = privateText(owner, "hello");
    assert.deepEqual(entryOf(update), {
      source: `telegram:main:${update.update_id}`,
      channel: "telegram",
      lane: `telegram:main:${owner}`,
      principal: `telegram:${owner}`,
      kind: "message",
      state: "new",
      body: {
        principal: `telegram:${owner}`,
        text: "hello",
        attachments: [],
        destination: { channel: "telegram", bot: "main", chat: owner },
        shared: false,
        sentAt: "2026-05-28T20:26:40.000Z",
      },
    });
  });

  test("a stranger's private message is denied, kept without its body, and may be told off", () => {
    const { entry, denial } = decode(privateText(stranger, "secret plan"));
    assert.equal(entry.state, "denied");
    assert.equal(entry.body, undefined);
    assert.deepEqual(denial, { bot: "main", chat: stranger, principal: `telegram:${stranger}` });
    assert.ok(!JSON.stringify(entry).includes("secret plan"));
  });

  test("a stranger in a group is denied and told nothing", () => {
    const { entry, denial } = decode(groupText(stranger, group, "@claw_test_bot hello"));
    assert.equal(entry.state, "denied");
    assert.equal(denial, undefined);
  });

  test("CVE-2026-28480: a username counts for nothing, a recycled one neither", () => {
    const impostor = messageUpdate(
      person(stranger, { username: String(owner), first_name: `telegram:${owner}` }),
      { id: stranger, type: "private" },
      { text: "hi" },
    );
    assert.equal(entryOf(impostor).state, "denied");
    assert.equal(entryOf(impostor).principal, `telegram:${stranger}`);
  });

  test("CVE-2026-28471: a display name equal to an allowed person's grants nothing", () => {
    const impostor = messageUpdate(
      person(stranger, { first_name: "Ada" }),
      { id: stranger, type: "private" },
      { text: "hi" },
    );
    assert.equal(entryOf(impostor).state, "denied");
  });

  test("an id that only begins or ends like an allowed one is a stranger's", () => {
    for (const id of [Number(`${owner}1`), Number(`1${owner}`), 11])
      assert.equal(entryOf(privateText(id, "hi")).state, "denied");
  });

  test("whoever writes in a group's room is let in there, and nowhere else", () => {
    const groups = { desk: { rooms: [`telegram:${group}`, `telegram:${unlisted}`], agents: ["ops"] } };
    const stateOf = (update: unknown): string | undefined =>
      decodeUpdate(bot, me, testConfig(bot, groups), update)?.entry.state;
    assert.equal(stateOf(groupText(stranger, group, "@claw_test_bot hello")), "new");
    assert.equal(stateOf(privateText(stranger, "hello")), "denied");
    assert.equal(stateOf(groupText(stranger, -1003, "@claw_test_bot hello")), "denied");
    // A group names it, but no bot is to answer there.
    assert.equal(stateOf(groupText(stranger, unlisted, "@claw_test_bot hello")), "refused");
  });

  test("GHSA-2gvc-4f3c-2855: a right in a direct chat gives none in a room that is not listed", () => {
    const entry = entryOf(groupText(owner, unlisted, "/status@claw_test_bot"));
    assert.equal(entry.state, "refused");
    assert.match(entry.reason ?? "", /-1002 is not in telegram\.main\.chats/);
    assert.equal(entry.body, undefined);
  });

  test("bots, anonymous administrators and linked channels are nobody", () => {
    const chat = { id: group, type: "supergroup" };
    const asBot = messageUpdate(person(owner, { is_bot: true }), chat, { text: "/stop" });
    const asChat = messageUpdate(person(owner), chat, {
      text: "/stop",
      sender_chat: { id: group, type: "supergroup" },
    });
    for (const update of [asBot, asChat]) {
      const { entry, denial } = decode(update);
      assert.equal(entry.state, "denied");
      assert.equal(denial, undefined);
    }
    const { from: _from, ...noSender } = groupText(owner, group, "hi").message;
    assert.equal(entryOf({ update_id: 1, message: noSender }).state, "ignored");
  });
});

describe("groups", () => {
  const states: [string, Record<string, unknown>, "new" | "ignored"][] = [
    ["a text that names nobody", { text: "good morning" }, "ignored"],
    ["a mention in any case", { text: "@CLAW_TEST_BOT what is up?" }, "new"],
    ["a mention of a longer name", { text: "@claw_test_bottle what is up?" }, "ignored"],
    ["the name without a mention entity", { text: "@claw_test_bot hi", entities: [] }, "ignored"],
    [
      "the name inside code",
      { text: "@claw_test_bot", entities: [{ type: "code", offset: 0, length: 14 }] },
      "ignored",
    ],
    [
      "a text mention of the bot",
      { text: "Claw hi", entities: [{ type: "text_mention", offset: 0, length: 4, user: person(4242) }] },
      "new",
    ],
    [
      "a text mention of somebody else",
      { text: "Claw hi", entities: [{ type: "text_mention", offset: 0, length: 4, user: person(4243) }] },
      "ignored",
    ],
    ["an answer to the bot", { text: "and then?", reply_to_message: { from: person(4242), text: "done" } }, "new"],
    ["an answer to another", { text: "and then?", reply_to_message: { from: person(7), text: "done" } }, "ignored"],
    [
      "a message in a topic the bot opened",
      { text: "hi", reply_to_message: { from: person(4242), forum_topic_created: {} } },
      "ignored",
    ],
    ["a bare command of ours", { text: "/status" }, "new"],
    ["a bare command of another bot", { text: "/weather Berlin" }, "ignored"],
    ["a command to this bot", { text: "/weather@Claw_test_bot Berlin" }, "new"],
    ["a command to another bot", { text: "/status@other_bot" }, "ignored"],
    ["a caption with a mention", { caption: "look", photo: [], caption_entities: [] }, "ignored"],
    ["a member who joins", { new_chat_members: [person(5)] }, "ignored"],
  ];
  for (const [name, content, state] of states)
    test(`${name} is ${state === "new" ? "for the bot" : "left alone, and its text not kept"}`, () => {
      const entry = entryOf(inGroup(content));
      assert.equal(entry.state, state);
      if (state === "ignored") assert.equal(entry.body, undefined);
    });

  test("a mention at either end is taken off, one in the middle stays", () => {
    assert.equal(bodyOf(inGroup({ text: "@claw_test_bot, what is up?" })).text, "what is up?");
    assert.equal(bodyOf(inGroup({ text: "what is up? @claw_test_bot" })).text, "what is up?");
    assert.equal(bodyOf(inGroup({ text: "😀 ask @claw_test_bot today" })).text, "😀 ask @claw_test_bot today");
    assert.equal(bodyOf(inGroup({ text: "@claw_test_bot" })).text, "");
  });

  test("a group message keeps who wrote it and which message to answer", () => {
    const update = inGroup({ text: "@claw_test_bot hi", message_thread_id: 7 });
    const body = bodyOf(update);
    assert.equal(body.senderName, "Ada Lovelace");
    assert.equal(body.shared, true);
    assert.deepEqual(body.destination, {
      channel: "telegram",
      bot: "main",
      chat: group,
      replyTo: update.message.message_id,
    });
  });

  test("a topic is a lane and a destination of its own, a thread of replies is not", () => {
    const topic = inGroup({ text: "/new@claw_test_bot", message_thread_id: 7, is_topic_message: true });
    assert.equal(entryOf(topic).lane, `telegram:main:${group}:7`);
    assert.equal((bodyOf(topic).destination as { topic?: number }).topic, 7);
    assert.equal(entryOf(inGroup({ text: "/new", message_thread_id: 7 })).lane, `telegram:main:${group}`);
  });

  test("while the bot's username is unknown, replies, text mentions and bare commands reach it, names wait", () => {
    const state = (content: Record<string, unknown>): string => {
      const { entry, needsUsername } = decode(inGroup(content), { id: 4242 });
      return needsUsername ? "waits" : entry.state;
    };
    assert.equal(state({ text: "@claw_test_bot hi", reply_to_message: { from: person(4242), text: "done" } }), "new");
    assert.equal(state({ text: "/help" }), "new");
    assert.equal(state({ text: "good morning" }), "ignored");
    assert.equal(state({ text: "/help@claw_test_bot" }), "waits");
    assert.equal(state({ text: "@claw_test_bot hi" }), "waits");
    assert.equal(decode(groupText(owner, unlisted, "@claw_test_bot hi"), { id: 4242 }).needsUsername, undefined);
  });

  test("the photos of an album name it", () => {
    const photo = [{ file_id: "a", width: 90, height: 90 }];
    assert.equal(bodyOf(inPrivate({ photo, media_group_id: "13579" })).album, "13579");
    assert.ok(!("album" in bodyOf(inPrivate({ photo }))));
  });

  test("a group that became a supergroup is recorded with its new id", () => {
    const entry = entryOf(inGroup({ migrate_to_chat_id: -1009 }));
    assert.equal(entry.state, "ignored");
    assert.match(entry.reason ?? "", /-1009/);
  });
});

describe("commands", () => {
  const kinds: [string, string, string, "control" | "message"][] = [
    ["/start", "start", "", "control"],
    ["/help", "help", "", "control"],
    ["/agents", "agents", "", "control"],
    ["/status", "status", "", "control"],
    ["/STOP", "stop", "", "control"],
    ["/agent  ops ", "agent", "ops", "message"],
    ["/new\nlet us begin", "new", "let us begin", "message"],
    ["/help@claw_test_bot me", "help", "me", "control"],
  ];
  for (const [text, name, argument, kind] of kinds)
    test(`${JSON.stringify(text)} is the command ${name}, handled as ${kind}`, () => {
      const entry = entryOf(privateText(owner, text));
      assert.equal(entry.kind, kind);
      assert.deepEqual((entry.body as InboundMessage).command, { name, argument });
    });

  test("an unknown command is plain text", () => {
    const entry = entryOf(privateText(owner, "/weather Berlin"));
    assert.equal(entry.kind, "message");
    assert.equal((entry.body as InboundMessage).command, undefined);
    assert.equal((entry.body as InboundMessage).text, "/weather Berlin");
  });

  test("a forwarded command is somebody else's words, not a command", () => {
    const body = bodyOf(inPrivate({ text: "/stop", forward_origin: { type: "hidden_user" } }));
    assert.equal(body.command, undefined);
    assert.equal(body.text, "[forwarded message]\n/stop");
  });
});

describe("content", () => {
  test("a caption that looks like a command is a caption", () => {
    const body = bodyOf(inPrivate({ caption: "/stop", photo: [{ file_id: "f", width: 1, height: 1 }] }));
    assert.equal(body.command, undefined);
    assert.equal(body.text, "/stop");
  });

  test("of a photo the largest size is taken, its caption is the text", () => {
    const body = bodyOf(
      inPrivate({
        caption: "what is this?",
        photo: [
          { file_id: "small", width: 90, height: 60, file_size: 1000 },
          { file_id: "large", width: 1280, height: 853, file_size: 90_000 },
          { file_id: "middle", width: 320, height: 213 },
        ],
      }),
    );
    assert.equal(body.text, "what is this?");
    assert.deepEqual(body.attachments, [{ kind: "image", ref: "large", mime: "image/jpeg", size: 90_000 }]);
  });

  const kinds: [string, Record<string, unknown>, string][] = [
    [
      "a document with an image type",
      { document: { file_id: "f", mime_type: "image/png", file_name: "a.png" } },
      "image",
    ],
    ["a document", { document: { file_id: "f", mime_type: "application/pdf" } }, "document"],
    ["a voice note", { voice: { file_id: "f", mime_type: "audio/ogg", file_size: 5 } }, "voice"],
    ["an audio file", { audio: { file_id: "f" } }, "voice"],
    ["a video", { video: { file_id: "f" } }, "document"],
    ["a video note", { video_note: { file_id: "f" } }, "document"],
    ["an animation", { animation: { file_id: "f" }, document: { file_id: "f" } }, "document"],
  ];
  for (const [name, content, kind] of kinds)
    test(`${name} is one attachment of kind ${kind}`, () => {
      const { attachments } = bodyOf(inPrivate(content));
      assert.deepEqual(
        attachments.map((attachment) => [attachment.kind, attachment.ref]),
        [[kind, "f"]],
      );
    });

  const words: [Record<string, unknown>, string][] = [
    [{ sticker: { file_id: "s", emoji: "😀" } }, "[sticker 😀]"],
    [{ sticker: { file_id: "s" } }, "[sticker]"],
    [{ location: { latitude: 52.5, longitude: 13.4 } }, "[location: 52.5, 13.4]"],
    [{ contact: { first_name: "Bob", phone_number: "+49 1" } }, "[contact: Bob +49 1]"],
    [{ poll: { question: "Tea?", options: [{ text: "yes" }, { text: "no" }] } }, "[poll: Tea? (yes) (no)]"],
    [{ story: { id: 1 } }, "[story, which cannot be read here]"],
  ];
  for (const [content, text] of words)
    test(`a ${Object.keys(content)[0]} is told in words: ${text}`, () => {
      assert.equal(bodyOf(inPrivate(content)).text, text);
    });

  test("the quoted part of an answered message is kept, or its whole text, cut at 2,000", () => {
    const answered = { from: person(5), text: "x".repeat(3_000) };
    assert.equal(bodyOf(inPrivate({ text: "why?", reply_to_message: answered, quote: { text: "xx" } })).quoted, "xx");
    assert.equal(bodyOf(inPrivate({ text: "why?", reply_to_message: answered })).quoted?.length, 2_000);
  });
});

describe("what is not a message", () => {
  const message = { message_id: 1, date: 1, chat: { id: owner, type: "private" }, from: person(owner), text: "edited" };
  const others: Record<string, unknown>[] = [
    { edited_message: message },
    { channel_post: { ...message, chat: { id: -5, type: "channel" } } },
    { edited_channel_post: message },
    { callback_query: { id: "1", from: person(owner), message, data: "approve" } },
    { message_reaction: { chat: { id: group }, user: person(owner), message_id: 1 } },
    { my_chat_member: { chat: { id: group }, from: person(owner) } },
    { business_message: message },
    { guest_message: message },
    { poll_answer: { poll_id: "1", user: person(owner) } },
    { something_of_next_year: 5 },
  ];
  for (const other of others) {
    const kind = Object.keys(other)[0] ?? "";
    test(`${kind} is recorded and ignored`, () => {
      const entry = entryOf({ update_id: 5, ...other });
      assert.deepEqual([entry.kind, entry.state, entry.reason], ["other", "ignored", kind]);
      assert.equal(entry.body, undefined);
    });
  }

  test("GHSA-hwmr-gqmh-2j2x and GHSA-9vvh-2768-c8vp: a stranger's button click or reaction does nothing", () => {
    const click = { update_id: 6, callback_query: { id: "1", from: person(stranger), data: "approve" } };
    const reaction = { update_id: 7, message_reaction: { chat: { id: group }, user: person(stranger) } };
    for (const update of [click, reaction]) {
      const { entry, denial } = decode(update);
      assert.equal(entry.state, "ignored");
      assert.equal(entry.principal, `telegram:${stranger}`);
      assert.equal(denial, undefined);
    }
  });

  test("a message that is not as documented is poison, and its reason quotes nothing of it", () => {
    const entry = entryOf({ update_id: 8, message: { message_id: 1, text: "canary", chat: "canary", date: 1 } });
    assert.deepEqual([entry.kind, entry.state], ["other", "poison"]);
    assert.equal(entry.reason, "message.chat is not as the Bot API documents it");
  });

  test("an update without an id is no entry", () => {
    for (const update of [{}, [], null, "update", { update_id: "5" }, { update_id: 1.5 }])
      assert.equal(decodeUpdate(bot, me, config, update), undefined);
  });
});
