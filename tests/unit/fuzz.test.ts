/** What comes from outside, mutated: 100,000 cases in all. Nothing may throw, crash or leave a rejection unhandled. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import fc from "../support/property.ts";
import { prepareCall } from "../../lib/agent/tool-call.ts";
import { parseCommand } from "../../lib/channel/command.ts";
import { ChatAnswer } from "../../lib/llm/chat.ts";
import { parseEvent, readEvents } from "../../lib/llm/events.ts";
import { AttemptFailure } from "../../lib/llm/failure.ts";
import { ResponsesAnswer } from "../../lib/llm/responses.ts";
import { finishCalls } from "../../lib/llm/tool-calls.ts";
import { decode } from "../../lib/matrix/decode.ts";
import { bodiesOf } from "../../lib/matrix/message-body.ts";
import { parseMxc } from "../../lib/matrix/mxc.ts";
import { decodeUpdate } from "../../lib/telegram/decode.ts";
import { renderTelegram } from "../../lib/telegram/render.ts";
import { unconnectedTools } from "../../lib/tools/builtin.ts";
import { arbitraryOf, mutated, oddValue } from "../support/mutate.ts";
import { messageUpdate, person } from "../support/telegram-updates.ts";
import { owner, stranger, group, me, testBot, testConfig } from "./telegram/support.ts";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
process.on("unhandledRejection", onUnhandled);
let cases = 0;
/** Counts what was tried. */
const runs = (numRuns: number): { numRuns: number } => ((cases += numRuns), { numRuns });
after(() => {
  process.off("unhandledRejection", onUnhandled);
  assert.deepEqual(unhandled, []);
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.ok(cases >= 100_000, String(cases));
});

describe("Telegram updates", () => {
  const user = person(owner, { last_name: "Lovelace", username: "ada" });
  const file = { file_id: "f", file_name: "a.pdf", mime_type: "image/png", file_size: 7 };
  const contents = [
    { text: "/agent@Claw_Test_Bot ops", entities: [{ type: "bot_command", offset: 0, length: 20 }] },
    { text: "@claw_test_bot hi", entities: [{ type: "mention", offset: 0, length: 14 }], media_group_id: "1" },
    {
      caption: "look",
      caption_entities: [{ type: "text_mention", offset: 0, length: 4, user }],
      photo: [
        { ...file, width: 9, height: 9 },
        { ...file, width: 1, height: 2 },
      ],
    },
    {
      document: file,
      forward_origin: { type: "user" },
      reply_to_message: { from: user, text: "what?" },
      quote: { text: "wh" },
    },
    { voice: file, is_topic_message: true, message_thread_id: 7 },
    {
      location: { latitude: 1, longitude: 2 },
      venue: { title: "a", address: "b" },
      poll: { question: "?", options: [{ text: "a" }] },
    },
    {
      contact: { first_name: "a", phone_number: "1" },
      dice: { emoji: "x", value: 1 },
      sticker: { emoji: "y" },
      story: {},
    },
  ];
  const updates = [owner, stranger].flatMap((id) =>
    contents.flatMap((content) => [
      messageUpdate(person(id), { id, type: "private" }, content),
      messageUpdate(person(id), { id: group, type: "supergroup" }, content),
    ]),
  );
  const others = [
    { update_id: 1, edited_message: { message_id: 1, chat: { id: 1 }, from: user } },
    { update_id: 2, callback_query: { id: "1", from: user, message: { chat: { id: 1 } }, data: "approve 1" } },
    { update_id: 3, message_reaction: { chat: { id: 1 }, user, new_reaction: [] } },
    { update_id: 4 },
  ];
  const bot = testBot();
  const config = testConfig(bot);

  test("any update becomes an entry under its own id or nothing, and a stranger's words are never kept", () => {
    fc.assert(
      fc.property(mutated([...updates, ...others]), (update) => {
        const decoded = decodeUpdate(bot, me, config, update);
        if (!decoded) return;
        const { entry } = decoded;
        assert.match(entry.source, /^telegram:main:-?\d+$/);
        assert.match(entry.lane, /^telegram:main(:|$)/);
        if (entry.state !== "new") assert.equal(entry.body, undefined);
        else assert.equal(entry.principal, `telegram:${owner}`);
      }),
      runs(25_000),
    );
  });
});

describe("Matrix events", () => {
  const basis = {
    event_id: "$e",
    room_id: "!r:home.example",
    sender: "@me:home.example",
    origin_server_ts: 1_760_000_000_000,
  };
  const file = {
    url: "mxc://home.example/abc",
    v: "v2",
    key: { alg: "A256CTR", ext: true, k: "AAAA", key_ops: ["encrypt"], kty: "oct" },
    iv: "AAAA",
    hashes: { sha256: "AAAA" },
  };
  const relation = {
    rel_type: "m.thread",
    event_id: "$root",
    is_falling_back: true,
    "m.in_reply_to": { event_id: "$last" },
  };
  const content = {
    msgtype: "m.text",
    body: "> <@a:b> x\n\nhi",
    formatted_body: "<mx-reply>x</mx-reply>hi",
    "m.relates_to": relation,
    "m.mentions": { user_ids: ["@a:b"] },
  };
  const image = {
    msgtype: "m.image",
    body: "a.png",
    filename: "b.png",
    url: "mxc://home.example/abc",
    info: { mimetype: "image/png", size: 7 },
  };
  const events = [
    { ...basis, type: "m.room.message", content },
    { ...basis, type: "m.room.message", content: image },
    {
      ...basis,
      type: "m.room.message",
      content: { ...image, msgtype: "m.audio", file, "org.matrix.msc3245.voice": {} },
    },
    {
      ...basis,
      type: "m.room.message",
      content: { body: "* x", "m.new_content": content, "m.relates_to": { rel_type: "m.replace", event_id: "$e" } },
    },
    {
      ...basis,
      type: "m.room.encrypted",
      content: { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "AAAA", "m.relates_to": relation },
    },
    {
      ...basis,
      type: "m.reaction",
      content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$e", key: "✅" } },
    },
    { ...basis, type: "m.room.redaction", redacts: "$e", content: {} },
    { ...basis, type: "m.room.member", state_key: "@a:b", content: { membership: "invite", is_direct: true } },
    { ...basis, type: "m.room.tombstone", state_key: "", content: { replacement_room: "!s:home.example" } },
    { ...basis, type: "m.key.verification.start", content: { from_device: "A", method: "m.sas.v1" } },
  ];
  const now = new Date("2026-01-02T03:04:05Z");

  test("any event is decoded, its attachments are on a homeserver, and its time is one", () => {
    fc.assert(
      fc.property(mutated(events), fc.boolean(), (event, encrypted) => {
        const decoded = decode(event, now, encrypted);
        if (decoded.kind === "poison" || decoded.kind === "other") return;
        assert.match(decoded.eventId, /^\$/);
        if (decoded.kind !== "message") return;
        assert.equal(new Date(decoded.sentAt).toISOString(), decoded.sentAt);
        for (const { ref } of decoded.attachments) assert.ok(parseMxc(ref), ref);
      }),
      runs(25_000),
    );
  });
});

test("any text is a command or none", () => {
  const word = fc.constantFrom(
    "/",
    "!",
    "/agent",
    "/approve",
    "!DENY",
    "/constructor",
    "/__proto__",
    " ",
    "\n",
    "@bot",
    "ops",
    "/stop",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8, unit: "binary" })), { maxLength: 6 }), (parts) => {
      const text = parts.join("");
      for (const prefix of ["/", "!"] as const) {
        const command = parseCommand(text, prefix);
        if (command) assert.ok(text.toLowerCase().startsWith(`${prefix}${command.name}`));
      }
    }),
    runs(10_000),
  );
});

describe("model answers", () => {
  const call = { index: 0, id: "c1", type: "function", function: { name: "time_now", arguments: '{"a":1}' } };
  const chunks = [
    { id: "r", model: "m", choices: [{ delta: { content: "hi" }, finish_reason: null }] },
    { choices: [{ delta: { tool_calls: [call, { ...call, index: 1, id: "c2" }] } }] },
    {
      choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: "{}" } }] }, finish_reason: "tool_calls" }],
    },
    { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } } },
    { error: { code: 429, message: "slow down" } },
  ];
  const item = { type: "function_call", call_id: "c", name: "time_now", arguments: "{}" };
  const message = { type: "message", content: [{ type: "output_text", text: "hi" }, { refusal: "no" }] };
  const usage = { input_tokens: 1, output_tokens: 2, input_tokens_details: { cached_tokens: 1 } };
  const events = [
    { type: "response.output_item.done", item },
    { type: "response.output_item.done", item: message },
    {
      type: "response.completed",
      response: { id: "r", model: "m", status: "completed", output: [item, message], usage },
    },
    { type: "response.incomplete", response: { incomplete_details: { reason: "max_output_tokens" } } },
    { type: "response.failed", response: { error: { code: "server_error" } } },
    { type: "error", error: { code: 500 } },
  ];
  const ending = fc.constantFrom("\n\n", "\r\n\r\n", "\n", "");

  /** Reads events as they come off a wire that cuts anywhere. Anything but a failed attempt is a bug. */
  async function read(sent: readonly { data: unknown; end: string }[], cut: number, add: (event: object) => void) {
    const wire = Buffer.from(
      sent.map(({ data, end }) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}${end}`).join(""),
    );
    const pieces = [wire.subarray(0, cut % (wire.length + 1)), wire.subarray(cut % (wire.length + 1))];
    try {
      await readEvents(
        Readable.from(pieces, { objectMode: false }),
        (data) => data === "[DONE]" || (add(parseEvent(data)), false),
        () => {},
      );
    } catch (thrown) {
      assert.ok(thrown instanceof AttemptFailure, String(thrown));
    }
  }
  const streamOf = (samples: readonly object[]) =>
    fc.array(
      fc.record({
        data: fc.oneof(
          { weight: 9, arbitrary: mutated(samples) },
          { weight: 1, arbitrary: fc.constantFrom("[DONE]", "{", "") },
        ),
        end: ending,
      }),
      { maxLength: 4 },
    );
  const earlier = [{ role: "assistant" as const, text: "", toolCalls: [{ id: "c1", name: "x", arguments: "{}" }] }];

  test("any stream of chat completions is an answer or a failed attempt, each call with a name and an id of its own", async () => {
    await fc.assert(
      fc.asyncProperty(streamOf(chunks), fc.nat(), async (sent, cut) => {
        const answer = new ChatAnswer();
        await read(sent, cut, (event) => answer.add(event));
        assert.equal(typeof answer.text, "string");
        checkCalls(() => answer.calls.finish(earlier));
      }),
      runs(7_000),
    );
  });

  test("any stream of the Responses API is an answer or a failed attempt", async () => {
    await fc.assert(
      fc.asyncProperty(streamOf(events), fc.nat(), async (sent, cut) => {
        const answer = new ResponsesAnswer();
        await read(sent, cut, (event) => void answer.add(event));
        const { text, toolCalls } = answer.content();
        assert.equal(typeof text, "string");
        checkCalls(() => finishCalls(toolCalls, earlier));
      }),
      runs(7_000),
    );
  });

  function checkCalls(finish: () => ReturnType<typeof finishCalls>): void {
    try {
      const calls = finish();
      for (const made of calls) assert.ok(made.name !== "" && typeof made.arguments === "string" && made.id !== "c1");
      assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length);
    } catch (thrown) {
      if (!(thrown instanceof AttemptFailure)) throw thrown;
    }
  }
});

describe("answers as they are shown", () => {
  const piece = fc.constantFrom(
    "# h\n",
    "**b**",
    "*i",
    "~~s~~",
    "`c`",
    "```js\n",
    "\n```\n",
    "- a\n",
    "  1. b\n",
    "> q\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "[t](https://e.test/)",
    "[t](javascript:alert(1))",
    "![i](https://e.test/i.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
    "<https://e.test>",
    "&lt;b&gt;",
    "\n\n",
    "👩‍👩‍👧",
    "\ud800",
    "word ",
    "[a]: https://e.test\n",
    "\\*",
    "mailto:a@b.c",
  );
  const markdown = fc
    .tuple(
      fc.array(
        fc.oneof(
          { weight: 4, arbitrary: piece },
          { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: "binary" }) },
        ),
        { maxLength: 14 },
      ),
      fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 1, 1, 90),
    )
    .map(([parts, times]) => parts.join("").repeat(times));
  const chat = { channel: "telegram", bot: "main", chat: 1 } as const;

  test("any markdown fits in Telegram's messages, its entities inside the text", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        const bodies = renderTelegram(text, chat);
        assert.ok(bodies.length > 0);
        for (const body of bodies) {
          assert.ok(body.text.length > 0 && body.text.length <= 4096 && body.text.isWellFormed());
          for (const { offset, length } of body.entities ?? [])
            assert.ok(offset >= 0 && length > 0 && offset + length <= body.text.length);
        }
      }),
      runs(5_000),
    );
  });

  test("any markdown fits in Matrix events, without an image, a script or a link that runs one", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        for (const { body, formatted_body: html = "" } of bodiesOf(text, () => undefined)) {
          assert.ok(Buffer.byteLength(JSON.stringify([body, html])) <= 40_000);
          for (const tag of html.match(/<[^>]*>?/g) ?? [])
            assert.match(
              tag,
              /^<(\/?[a-z][a-z0-9]*( \/)?|a href="(https?:|mailto:)[^"]*"|ol start="\d+"|code class="language-[^"]*")>$/,
            );
          assert.doesNotMatch(html, /<(img|script|iframe|style|svg)/i);
        }
      }),
      runs(5_000),
    );
  });
});

describe("tool arguments", () => {
  const tools = unconnectedTools();
  const each = Math.ceil(16_000 / tools.length);
  for (const tool of tools)
    test(`${tool.name} is ready only for what its schema takes`, () => {
      const json = fc.oneof(
        { weight: 5, arbitrary: mutated([{}], arbitraryOf(tool.input)) },
        { weight: 1, arbitrary: oddValue },
      );
      const text = fc
        .tuple(json, fc.nat(400), fc.constantFrom("whole", "whole", "whole", "cut", "twice", "proto"))
        .map(([value, at, how]) => {
          const whole = JSON.stringify(value) ?? "";
          if (how === "cut") return whole.slice(0, at % (whole.length + 1));
          if (how === "proto") return whole.replace("{", '{"__proto__":{"admin":true},');
          return how === "twice" ? whole + whole : whole;
        });
      let ready = 0;
      fc.assert(
        fc.property(text, fc.boolean(), (written, truncated) => {
          const call = { id: "c", name: tool.name, arguments: written };
          assert.ok(!("input" in prepareCall(tool, call, true)));
          if (truncated) return;
          const prepared = prepareCall(tool, call, false);
          if (!("input" in prepared)) return assert.equal(prepared.outcome, "error");
          ready += 1;
          const given = JSON.parse(written === "" ? "{}" : written) as object;
          assert.ok(tool.input.safeParse(given).success);
          const known = Object.keys(tool.input.shape);
          for (const key of [...Object.keys(given), ...Object.keys(prepared.input)])
            assert.ok(known.includes(key), key);
          assert.equal(Object.getPrototypeOf(prepared.input), Object.prototype);
        }),
        runs(each),
      );
      assert.ok(ready > 0);
    });
});
