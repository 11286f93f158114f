import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decode } from "../../../lib/matrix/decode.ts";
import { message, ops, opsRoom, owner, said } from "./support.ts";

const now = new Date("2026-01-02T03:04:05Z");
const kindOf = (event: unknown): string => decode(event, now).kind;

describe("decoding a message", () => {
  test("a text keeps its words, its sender and its time", () => {
    const event = message("hello");
    assert.equal(event.text, "hello");
    assert.equal(event.sender, owner);
    assert.equal(event.room, opsRoom);
    assert.equal(event.sentAt, "2025-10-09T08:53:20.000Z");
  });

  test("a missing or impossible time becomes the time of arrival", () => {
    for (const at of [undefined, "soon", 1e300])
      assert.equal(message("x", { origin_server_ts: at }).sentAt, "1970-01-01T00:00:00.000Z");
  });

  test("an emote reads as one, a notice is nothing", () => {
    assert.equal(message("waves", {}, { msgtype: "m.emote" }).text, "* waves");
    assert.equal(kindOf(said("beep", {}, { msgtype: "m.notice" })), "other");
  });

  test("a plain reply fallback is parted into quotation and words", () => {
    const content = { "m.relates_to": { "m.in_reply_to": { event_id: "$first" } } };
    const event = message("> <@a:b.c> one\n> two\n\nthree\n\n> four", {}, content);
    assert.deepEqual([event.text, event.quoted, event.replyTo], ["three\n\n> four", "one\ntwo", "$first"]);
  });

  test("a quotation the person wrote in a reply stays", () => {
    const content = { "m.relates_to": { "m.in_reply_to": { event_id: "$first" } } };
    assert.equal(message("> my own\n\nwords", {}, content).text, "> my own\n\nwords");
  });

  test("what is quoted in the HTML fallback does not count as said", () => {
    const html = "<mx-reply><blockquote>Ops</blockquote></mx-reply>yes";
    assert.equal(message("yes", {}, { formatted_body: html }).html, "yes");
    assert.equal(message("yes", {}, { formatted_body: "<mx-reply>Ops" }).html, "");
  });

  test("a thread keeps its root, and its fallback is no reply", () => {
    const relation = { rel_type: "m.thread", event_id: "$root", "m.in_reply_to": { event_id: "$last" } };
    const fallback = message("x", {}, { "m.relates_to": { ...relation, is_falling_back: true } });
    assert.deepEqual([fallback.thread, fallback.replyTo], ["$root", undefined]);
    const reply = message("x", {}, { "m.relates_to": relation });
    assert.deepEqual([reply.thread, reply.replyTo], ["$root", "$last"]);
  });

  test("files become attachments, with a caption only where the name is given apart", () => {
    const file = { msgtype: "m.image", url: "mxc://home.example/abc", info: { mimetype: "image/png", size: 7 } };
    const plain = message("cat.png", {}, file);
    assert.equal(plain.text, "");
    assert.deepEqual(plain.attachments, [
      { kind: "image", ref: "mxc://home.example/abc", name: "cat.png", mime: "image/png", size: 7 },
    ]);
    assert.equal(message("look!", {}, { ...file, filename: "cat.png" }).text, "look!");
    const voice = { ...file, msgtype: "m.audio", "org.matrix.msc3245.voice": {} };
    assert.equal(message("v.ogg", {}, voice).attachments[0]?.kind, "voice");
    assert.equal(message("v.mp4", {}, { ...file, msgtype: "m.video" }).attachments[0]?.kind, "document");
  });

  const encrypted = {
    v: "v2",
    url: "mxc://home.example/abc",
    key: { kty: "oct", alg: "A256CTR", k: "A".repeat(43), ext: true, key_ops: ["encrypt", "decrypt"] },
    iv: "A".repeat(22),
    hashes: { sha256: "B".repeat(42) + "A" },
  };

  test("an encrypted file keeps what opens it, and its own address counts", () => {
    const info = { mimetype: "image/png", size: 7 };
    const event = message(
      "cat.png",
      {},
      { msgtype: "m.image", file: encrypted, url: "mxc://home.example/other", info },
    );
    assert.deepEqual(event.attachments, [
      {
        kind: "image",
        ref: "mxc://home.example/abc",
        name: "cat.png",
        mime: "image/png",
        size: 7,
        encryption: { key: encrypted.key.k, iv: encrypted.iv, sha256: encrypted.hashes.sha256 },
      },
    ]);
  });

  const unreadable: [string, object, RegExp][] = [
    ["of version 1", { v: "v1" }, /cannot be read/],
    ["with half a key", { key: { ...encrypted.key, k: "A".repeat(22) } }, /cannot be read/],
    ["without a hash", { hashes: null }, /cannot be read/],
    ["elsewhere", { url: "http://169.254.169.254/x" }, /mxc/],
    ["nowhere", { url: undefined }, /mxc/],
  ];
  for (const [what, change, reason] of unreadable)
    test(`an encrypted file ${what} is poison`, () => {
      const content = { msgtype: "m.file", url: "mxc://home.example/abc", file: { ...encrypted, ...change } };
      const event = decode(said("x", {}, content), now);
      assert.match(event.kind === "poison" ? event.reason : "", reason);
    });

  for (const url of [
    "file:///etc/passwd",
    "http://169.254.169.254/x",
    "mxc://../x",
    "mxc://a/../../x",
    "mxc://a/b/c",
    7,
  ])
    test(`CVE-2026-44996 CVE-2026-28467: an attachment at ${url} is poison`, () => {
      assert.equal(kindOf(said("x", {}, { msgtype: "m.file", url })), "poison");
    });
});

describe("decoding other events", () => {
  test("an edit names its target and the new words", () => {
    const content = { "m.relates_to": { rel_type: "m.replace", event_id: "$old" }, "m.new_content": { body: "new" } };
    const event = decode(said("* new", {}, content), now);
    assert.ok(event.kind === "edit");
    assert.deepEqual([event.target, event.text, event.mentions], ["$old", "new", []]);
  });

  test("an edit loses the reply fallback, and brings whom it mentions", () => {
    const edited = (content: object): unknown => {
      const relation = { rel_type: "m.replace", event_id: "$old" };
      const event = decode(said("* new", {}, { "m.relates_to": relation, "m.new_content": content }), now);
      return event.kind === "edit" && [event.text, event.mentions];
    };
    const body = `> <${owner}> before\n> more\n\nnew`;
    assert.deepEqual(edited({ body, "m.mentions": { user_ids: [ops, 7] } }), ["new", [ops]]);
    assert.deepEqual(edited({ body, msgtype: "m.emote" }), ["* new", []]);
    assert.deepEqual(edited({ body: "> a quotation of one's own\n\nnew" }), ["> a quotation of one's own\n\nnew", []]);
  });

  test("a redaction is understood of old rooms and of new ones", () => {
    const old = decode(said("", { type: "m.room.redaction", redacts: "$old", content: {} }), now);
    const fresh = decode(said("", { type: "m.room.redaction", content: { redacts: "$old" } }), now);
    assert.ok(old.kind === "redaction" && fresh.kind === "redaction");
    assert.deepEqual([old.target, fresh.target], ["$old", "$old"]);
  });

  test("encryption is a state of the room, and a message of that type is not", () => {
    assert.equal(kindOf(said("", { type: "m.room.encryption", state_key: "" })), "encryption");
    assert.equal(kindOf(said("", { type: "m.room.encryption" })), "other");
  });

  test("a membership names whose it is", () => {
    const content = { membership: "invite", is_direct: true };
    const event = decode(said("", { type: "m.room.member", state_key: "@a:b", content }), now);
    assert.ok(event.kind === "member");
    assert.deepEqual([event.user, event.membership, event.isDirect], ["@a:b", "invite", true]);
  });

  test("an event of another type is nothing to us", () => {
    for (const type of ["m.reaction", "m.room.topic", "constructor", undefined, 7])
      assert.equal(kindOf(said("x", { type })), "other");
  });

  const lone = "\ud800";
  for (const [name, event] of Object.entries({
    "a string": "x",
    null: null,
    "an array": [],
    "an id with NUL": said("x", { event_id: "$a\0b" }),
    "an id that is a number": said("x", { event_id: 7 }),
    "an id of 256 bytes": said("x", { event_id: `$${"a".repeat(255)}` }),
    "an id with a lone surrogate": said("x", { event_id: `$${lone}` }),
    "a room that would part a lane": said("x", { room_id: "!a|$b" }),
    "a sender without a server": said("x", { sender: "@me" }),
    "a sender with a space": said("x", { sender: "@me:home.example x" }),
    "a body that is no string": said("x", {}, { body: { toString: "x" } }),
    "a ciphertext beside what is nested without end": said("", {
      type: "m.room.encrypted",
      content: { ciphertext: "x", more: JSON.parse(`${"[".repeat(30_000)}${"]".repeat(30_000)}`) as unknown },
    }),
    "a redaction of nothing": said("", { type: "m.room.redaction", content: {} }),
    "a membership of nobody": said("", { type: "m.room.member", content: { membership: "join" } }),
    "an unknown membership": said("", {
      type: "m.room.member",
      state_key: "@a:b",
      content: { membership: "__proto__" },
    }),
  }))
    test(`${name} is poison`, () => {
      assert.equal(kindOf(event), "poison");
    });
});
