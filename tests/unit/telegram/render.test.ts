import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatMarkdown } from "../../../lib/telegram/markdown.ts";
import { renderTelegram, type TelegramBody } from "../../../lib/telegram/render.ts";
import { problemWith } from "../../support/bot-api-checks.ts";

const chat = { channel: "telegram", bot: "main", chat: 1 } as const;
const render = (markdown: string): TelegramBody[] => renderTelegram(markdown, chat);

/** Text and entities in one line a piece: `bold:what it covers`. */
function shown(markdown: string): { text: string; marks: string[] } {
  const [body, ...more] = render(markdown);
  assert.ok(body);
  assert.equal(more.length, 0);
  const marks = (body.entities ?? []).map((entity) => {
    const covered = body.text.slice(entity.offset, entity.offset + entity.length);
    const detail = "url" in entity ? `=${entity.url}` : "language" in entity ? `=${entity.language}` : "";
    return `${entity.type}${detail}:${covered}`;
  });
  return { text: body.text, marks };
}

function check(bodies: readonly TelegramBody[]): void {
  for (const { text, entities } of bodies)
    assert.equal(problemWith({ chat_id: 1, text, ...(entities && { entities }) }), undefined, JSON.stringify(text));
}

describe("markdown on Telegram", () => {
  const cases: [string, string, string, string[]][] = [
    ["plain text stays as it is", "1 < 2 & *not_ a (link) #hash", "1 < 2 & *not_ a (link) #hash", []],
    [
      "styles nest, and offsets count an emoji as two",
      "😀 **bold *both* 👩‍👩‍👧** ~~gone~~",
      "😀 bold both 👩‍👩‍👧 gone",
      ["bold:bold both 👩‍👩‍👧", "italic:both", "strikethrough:gone"],
    ],
    ["code takes no other entity", "**a `b` c**", "a b c", ["bold:a ", "code:b", "bold: c"]],
    ["a heading is bold once", "## A **big** thing", "A big thing", ["bold:A big thing"]],
    ["paragraphs stand apart", "one\n\n\n\ntwo\nthree", "one\n\ntwo\nthree", []],
    [
      "a link is a link",
      "see [the *docs*](https://a.example/x?y=1)",
      "see the docs",
      ["text_link=https://a.example/x?y=1:the docs", "italic:docs"],
    ],
    ["a bare address needs no entity", "<https://a.example/>", "https://a.example/", []],
    ["a mail address is spelled out", "[mail me](mailto:a@b.example)", "mail me (a@b.example)", []],
    ["a relative link is spelled out", "[the page](docs/a.md)", "the page (docs/a.md)", []],
    ["a script link is text", "[x](javascript:alert(1))", "[x](javascript:alert(1))", []],
    [
      "an image is a link",
      "![a cat](https://a.example/cat.png)",
      "a cat",
      ["text_link=https://a.example/cat.png:a cat"],
    ],
    [
      "an image in a link is the link's label",
      "[![cat](https://a.example/c.png)](https://b.example/)",
      "cat",
      ["text_link=https://b.example/:cat"],
    ],
    [
      "code in a link is the link's label",
      "[`run()`](https://a.example/)",
      "run()",
      ["text_link=https://a.example/:run()"],
    ],
    [
      "a code block keeps its language and its indentation",
      "Do:\n```ts\n  if (a) {\n    b();\n  }\n```\nthen",
      "Do:\n\n  if (a) {\n    b();\n  }\n\nthen",
      ["pre=ts:  if (a) {\n    b();\n  }"],
    ],
    [
      "a list has bullets",
      "Buy:\n- milk\n- **eggs**\n  - brown\n\nDone",
      "Buy:\n\n• milk\n• eggs\n  • brown\n\nDone",
      ["bold:eggs"],
    ],
    ["a numbered list begins where it says", "3. c\n4. d\n5. e", "3. c\n4. d\n5. e", []],
    ["a loose list is no wider", "- a\n\n- b", "• a\n• b", []],
    [
      "code in a list item stands below it",
      "1. run\n   ```sh\n   ls\n   ```\n2. look",
      "1. run\n\nls\n2. look",
      ["pre=sh:ls"],
    ],
    ["a quote in a quote is one", "> a\n> > b\n\nc", "a\n\nb\n\nc", ["blockquote:a\n\nb"]],
    ["a rule is a line", "a\n\n---\n\nb", "a\n\n———\n\nb", []],
    [
      "a table is aligned",
      "|name|état|\n|-|-|\n|a `b`|😀 ok|\n|long name||",
      "name      │ état\n──────────┼──────\na b       │ 😀 ok\nlong name │",
      ["pre:name      │ état\n──────────┼──────\na b       │ 😀 ok\nlong name │"],
    ],
    ["HTML is text", "<b>a</b> <script>", "<b>a</b> <script>", []],
    ["a lone surrogate is replaced", "a \ud83d b", "a \ufffd b", []],
  ];
  for (const [name, markdown, text, marks] of cases)
    test(name, () => {
      assert.deepEqual(shown(markdown), { text, marks });
      check(render(markdown));
    });

  test("an empty answer is visible", () => {
    for (const markdown of ["", "  \n\n", "```\n\n```", "\u200b", "[](https://a.example)"])
      assert.deepEqual(render(markdown), [{ text: "(empty answer)" }]);
  });

  test("in a group only the first part answers the message", () => {
    const bodies = renderTelegram(`${"a".repeat(4000)}\n\n${"b".repeat(4000)}`, { ...chat, replyTo: 7 });
    assert.deepEqual(
      bodies.map((body) => body.replyTo),
      [7, undefined],
    );
  });
});

describe("long answers", () => {
  test("are cut between paragraphs", () => {
    const paragraphs = Array.from({ length: 20 }, (_, index) => `${index} ${"word ".repeat(100)}end`);
    const bodies = render(paragraphs.join("\n\n"));
    assert.equal(bodies.map((body) => body.text).join("\n\n"), paragraphs.join("\n\n"));
    for (const { text } of bodies) assert.match(text, /end$/);
  });

  test("a code block is moved whole to the next part where it fits there", () => {
    const code = "line\n".repeat(400);
    const bodies = render(`${"a ".repeat(1500)}\n\n\`\`\`sh\n${code}\`\`\``);
    assert.equal(bodies.length, 2);
    assert.deepEqual(bodies[1]?.entities, [{ type: "pre", language: "sh", offset: 0, length: code.length - 1 }]);
  });

  test("a code block longer than a message is several closed ones of the same language, cut at lines", () => {
    const lines = Array.from({ length: 500 }, (_, index) => `  const value${index} = compute(${index});`);
    const bodies = render(`Here:\n\`\`\`ts\n${lines.join("\n")}\n\`\`\`\nDone.`);
    check(bodies);
    const blocks = bodies.flatMap(({ text, entities = [] }) =>
      entities.map((entity) => {
        assert.ok(entity.type === "pre" && entity.language === "ts");
        return text.slice(entity.offset, entity.offset + entity.length);
      }),
    );
    assert.ok(blocks.length > 3);
    assert.equal(blocks.join("\n"), lines.join("\n"));
    assert.match(bodies.at(-1)?.text ?? "", /Done\.$/);
  });

  test("a text without a place to cut is cut between characters", () => {
    const bodies = render("x" + "😀".repeat(5_000));
    check(bodies);
    assert.equal(bodies.map((body) => body.text).join(""), "x" + "😀".repeat(5_000));
  });

  test("a style over a cut goes on in the next part", () => {
    const bodies = render(`**${"word ".repeat(2_000)}end**`);
    check(bodies);
    for (const { text, entities } of bodies)
      assert.deepEqual(entities, [{ type: "bold", offset: 0, length: text.length }]);
  });

  test("no part has more than 100 entities, and none is lost", () => {
    const bodies = render(Array.from({ length: 350 }, (_, index) => `- **n${index}**`).join("\n"));
    check(bodies);
    assert.equal(bodies.flatMap((body) => body.entities ?? []).length, 350);
  });
});

describe("whatever a model writes", () => {
  // A fixed sequence, so that a failure can be seen again.
  let state = 12_345;
  const random = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
  const word = (): string => pick(["alpha", "béta", "😀", "👩‍💻", "x_y", "a*b", "日本語", "<b>", "[", "`", "1.", "#"]);
  const words = (most: number): string => Array.from({ length: 1 + random(most) }, word).join(" ");
  const inline = (): string =>
    pick([
      () => words(20),
      () => `**${words(5)}**`,
      () => `*${words(3)} **${words(3)}** ${words(2)}*`,
      () => `\`${words(3)}\``,
      () => `[${words(3)} \`code\`](https://a.example/${random(99)})`,
      () => `**a [b *c* \`d\`](https://x.example) e**`,
      () => `~~${words(4)}~~`,
    ])();
  const block = (): string =>
    pick([
      () => `${inline()} ${inline()} ${inline()}`,
      () => `# ${inline()}`,
      () => Array.from({ length: 1 + random(8) }, () => `${" ".repeat(2 * random(3))}- ${inline()}`).join("\n"),
      () => Array.from({ length: 1 + random(8) }, (_, index) => `${index + 1}. ${inline()}`).join("\n"),
      () => `> ${inline()}\n> ${inline()}\n>\n> \`\`\`js\n> ${words(5)}\n> \`\`\``,
      () => `\`\`\`ts\n${Array.from({ length: random(200) }, () => words(8)).join("\n")}\n\`\`\``,
      () => `\`\`\`\n${words(600)}`,
      () => `|a|b|\n|-|-|\n|${inline()}|${words(2)}|`,
      () => `~~~\n${"y".repeat(random(6000))}\n~~~`,
      () => words(1500),
      () => "---",
    ])();

  test("every part is one Telegram takes, and joined they hold every word in order", () => {
    for (let round = 0; round < 150; round++) {
      const markdown = Array.from({ length: 1 + random(12) }, block).join("\n\n");
      const bodies = render(markdown);
      check(bodies);
      const squeezed = (text: string): string => text.replace(/\s+/g, "");
      assert.equal(
        squeezed(bodies.map((body) => body.text).join("")),
        squeezed(formatMarkdown(markdown).text) || "(emptyanswer)",
      );
    }
  });
});
