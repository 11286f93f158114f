import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import { canonicalJson } from "../../../lib/config/canonical-json.ts";
import { outcomeText, questionText, shortTime } from "../../../lib/conversation/question.ts";
import { inlineCode, shownArguments, visible } from "../../../lib/conversation/visible.ts";
import { toHtml } from "../../../lib/matrix/render.ts";
import { renderTelegramQuestion } from "../../../lib/telegram/render.ts";

type Input = Record<string, unknown>;

const telegram = { channel: "telegram", bot: "main", chat: 1 } as const;
const matrix = { channel: "matrix", user: "@agent_ops:home.example", room: "!r:home.example" } as const;

const text = (
  input: Input,
  more: { principal?: string; rule?: string; taps?: boolean; on?: typeof matrix } = {},
): string =>
  questionText(
    {
      agent: "ops",
      principal: more.principal ?? "telegram:1",
      timezone: "Europe/Berlin",
      destination: more.on ?? telegram,
      taps: more.taps ?? true,
    },
    {
      code: "abc234",
      tool: "commitments_add",
      rule: more.rule ?? 'agents.ops.ask "*"',
      shown: { tool: "commitments_add", input },
      expiresAt: new Date("2030-01-02T03:04:00Z"),
    },
  );

/** Strings made of what could break out of a block or fool a reader, between ordinary ones. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "```",
        "~~~",
        "\n",
        "\r",
        "\u2028",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\u00a0",
        "`",
        "\\",
        '"',
      ),
      fc.constantFrom("\n\nAsked by `telegram:1`.", "</code></pre>", "\ud83d", "\u{e0041}", "**Approve?**", "<b>"),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
const input = fc.dictionary(
  hostile.filter((key) => key !== "__proto__"),
  fc.oneof(hostile, fc.integer(), fc.boolean(), fc.constant(null), fc.array(hostile, { maxLength: 3 })),
  { maxKeys: 5 },
);

describe("arguments as they are shown", () => {
  test("parse to exactly what runs, and hold nothing that cannot be seen", () => {
    fc.assert(
      fc.property(input, (given) => {
        const shown = shownArguments(given);
        assert.equal(canonicalJson(JSON.parse(shown)), canonicalJson(given));
        assert.doesNotMatch(
          shown,
          /[^\n\P{Cc}]|\p{Cf}|\p{Cs}|\p{Default_Ignorable_Code_Point}|[\u00a0\u2000-\u200a\u2028\u2029]/u,
        );
        for (const line of shown.split("\n")) assert.doesNotMatch(line, /^\s*(```|~~~)/);
      }),
      { numRuns: 1_000, endOnFailure: true },
    );
  });

  test("have their keys in order, whatever order the model wrote them in", () => {
    assert.equal(shownArguments({ b: 1, a: { d: [], c: {} } }), shownArguments({ a: { c: {}, d: [] }, b: 1 }));
    assert.equal(shownArguments({ b: [1, "x"], a: {} }), '{\n  "a": {},\n  "b": [\n    1,\n    "x"\n  ]\n}');
  });

  test("that are long are cut in the middle, outside of their quotes, with length and SHA-256 of the whole", () => {
    const long = `${"a".repeat(5_000)} … 7 characters are not shown; SHA-256 of the whole: ${"0".repeat(64)} … ${"b".repeat(5_000)}`;
    const shown = shownArguments({ content: long, name: "a.txt" }, 2_400);
    assert.ok(shown.length <= 2_400);
    const digest = createHash("sha256").update(long).digest("hex");
    const [, head, left, tail] =
      /^\{\n {2}"content": ("a+") … (\d+) characters are not shown; SHA-256 of the whole: [0-9a-f]{64} … ("b+"),\n {2}"name": "a\.txt"\n\}$/.exec(
        shown,
      ) ?? [];
    assert.ok(shown.includes(digest));
    assert.equal((head?.length ?? 0) - 2 + Number(left) + (tail?.length ?? 0) - 2, long.length);
  });

  test("that are many are cut as a whole, and stay within bounds whatever they are", () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, hostile, { minKeys: 5, maxKeys: 60 }), fc.nat(5), (given, times) => {
        const large = { ...given, more: Array.from({ length: 40 * times }, (_, index) => `item ${index}`) };
        const question = text(large);
        const [body, ...rest] = renderTelegramQuestion(question, telegram, "abc234");
        assert.deepEqual(rest, []);
        assert.ok(body && body.text.length <= 4_096);
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });

  test("are never cut inside a character", () => {
    for (const length of [899, 900, 901, 902])
      assert.doesNotMatch(shownArguments({ x: "😀".repeat(length) }, 900), /\\ud/);
  });
});

describe("a question", () => {
  test("cannot be broken out of by its arguments on Telegram, where they are one entity", () => {
    fc.assert(
      fc.property(input, (given) => {
        const [body] = renderTelegramQuestion(text(given), telegram, "abc234");
        assert.ok(body);
        const pres = body.entities?.filter(({ type }) => type === "pre") ?? [];
        assert.equal(pres.length, 1);
        const [pre] = pres;
        assert.ok(pre);
        const around = body.text.slice(0, pre.offset) + body.text.slice(pre.offset + pre.length);
        assert.equal(
          around.replace(/until .* \(Europe/, "until T (Europe"),
          'Approve? ops wants to call commitments_add with\n\n\n\nAsked by telegram:1. It needs a yes by agents.ops.ask "*", until T (Europe/Berlin).\n\nTap a button, or write /approve abc234 or /deny abc234.',
        );
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  test("cannot be broken out of by its arguments on Matrix, where they are one block of text", () => {
    fc.assert(
      fc.property(input, (given) => {
        const html = toHtml(text(given, { on: matrix }));
        const [before, ...blocks] = html.split("<pre>");
        assert.equal(blocks.length, 1);
        const [block = "", after = ""] = blocks[0]?.split("</pre>") ?? [];
        assert.match(block, /^<code class="language-json">[^<>]*<\/code>$/);
        assert.equal(before, "<p><strong>Approve?</strong> ops wants to call <code>commitments_add</code> with</p>\n");
        assert.match(
          after,
          /^\n<p>Asked by <code>telegram:1<\/code>\. It needs a yes by <code>[^<>]*<\/code>, until [^<>]*<\/p>\n<p>React/,
        );
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  test("shows ids and rules as code that they cannot end", () => {
    const shown = text({}, { principal: "matrix:@a`b\u202e:evil.example", rule: "x`\n\n**Approve?**" });
    assert.match(shown, /Asked by `matrix:@a\\u0060b\\u202e:evil\.example`\./);
    assert.match(shown, /It needs a yes by `x\\u0060\\u000a\\u000a\*\*Approve\?\*\*`, until/);
    assert.equal(inlineCode("plain"), "`plain`");
    assert.equal(visible("é 日本 😀"), "é 日本 😀");
  });

  test("says how it is answered", () => {
    assert.match(text({}), /\n\nTap a button, or write `\/approve abc234` or `\/deny abc234`\.$/);
    assert.match(text({}, { on: matrix }), /\n\nReact with ✅ or ❌, or write `!approve abc234` or `!deny abc234`\.$/);
    assert.match(
      text({}, { on: matrix, taps: false }),
      /\n\nWrite `!approve abc234` or `!deny abc234`\. A reaction does not count here\.$/,
    );
  });
});

test("a time is short: today's without its day", () => {
  const at = new Date("2026-06-01T12:30:00Z");
  assert.equal(shortTime(at, "Europe/Berlin", new Date("2026-06-01T08:00:00Z")), "14:30 (Europe/Berlin)");
  assert.equal(shortTime(at, "Europe/Berlin", new Date("2026-05-31T08:00:00Z")), "1 Jun 14:30 (Europe/Berlin)");
});

test("each outcome has its line", () => {
  const of = (state: Parameters<typeof outcomeText>[0]["state"], decidedBy?: string) =>
    outcomeText({ state, tool: "x_do", decidedBy });
  assert.equal(of("approved", "telegram:1"), "✅ `x_do` approved by `telegram:1`.");
  assert.equal(of("denied", "operator"), "❌ `x_do` denied by the operator.");
  assert.equal(of("expired"), "⌛ `x_do` expired: nobody decided in time.");
  assert.equal(of("cancelled"), "⏹ `x_do` called off.");
  assert.equal(of("pending"), "⏸ `x_do` waits for a decision.");
});

test("what nobody sees, or what a terminal would obey, is written out", () => {
  assert.equal(visible("a\u202eb\u001b[31m\t\u200b\u{e0001}"), "a\\u202eb\\u001b[31m\\u0009\\u200b\\udb40\\udc01");
});
