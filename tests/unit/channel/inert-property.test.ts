import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import { inertText } from "../../../lib/channel/inert.ts";
import { linksAlsoTo, linksTo } from "../../../lib/channel/links.ts";
import { bodiesOf } from "../../../lib/matrix/message-body.ts";
import { renderTelegram } from "../../../lib/telegram/render.ts";
import { hostOf, linksIn } from "../../support/linkifier.ts";

const links = linksTo(["ok.example", "*.home.example"]);
const isAllowed = (link: string): boolean => /^(ok\.example|[a-z0-9.-]+\.home\.example)$/.test(hostOf(link));

/** Pieces of what an attacker would have the model say. */
const pieces = [
  ..."[]()<>!*_`~|\\#:/?@&.-\"' \n\t^{}+=,;1ax",
  ..."\u200b\u200d\u2060\u00ad\u202e\u2066\ufeff\u00a0。．｡․：／＠ｅ",
  "\n\n",
  "\n> ",
  "\n- ",
  "\n1. ",
  "\n    ",
  "\n# ",
  "\n```\n",
  "\n~~~\n",
  "``",
  "**",
  "~~",
  "|-|-|\n",
  "\n|a|b|\n|-|-|\n|",
  "[x](",
  "](",
  "![x](",
  '<a href="',
  "<img src=",
  "<!--",
  "</a>",
  "[1]: ",
  "\n\n[1]: https://evil.com/r\n\n",
  "[x][1]",
  "[^1]",
  "&#46;",
  "&period;",
  "&colon;",
  "&sol;",
  "&#x2e;",
  "&lt;",
  "&amp;",
  "&Tab;",
  "&NewLine;",
  "%2e",
  "%0a",
  "http",
  "https",
  "https:",
  "https://",
  "HTTPS://",
  "//",
  "www.",
  "mailto:",
  "matrix:",
  "tg://",
  "javascript:",
  "data:",
  "tel:",
  "evil",
  "evil.com",
  "evil.com/x?q=secret",
  ".com",
  "com",
  "bob@evil.com",
  "@bob:evil.com",
  "#room:evil.com",
  "t.me/evil",
  "matrix.to/#/@a:evil.com",
  "xn--80ak6aa92e.com",
  "еvil.com",
  "evil。com",
  "evil．com",
  "https:\\\\evil.com",
  "https://evil.com:443/",
  "ok.example",
  "https://ok.example",
  "https://ok.example/a.b?c=d",
  "https://a.home.example/",
  "[ok](https://ok.example/x)",
  "<https://ok.example/>",
  "ok.example@",
  "https://ok.example\\@",
  "https://ok.example'@",
  "ok.example.evil.com",
  "home.example",
  "notok.example",
  "10.0.0.1",
  "README.md",
  "table.csv",
  "a.png",
  "💩.com",
  "\ud83d",
];
const hostile = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 4 })), {
  maxLength: 14,
});
const markdown = hostile.map((parts) => parts.join(""));

/** The words of HTML that a client would look for links in: none in code. */
const entities: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
const wordsOf = (html: string): string =>
  html
    .replaceAll(/<pre>.*?<\/pre>|<code.*?<\/code>/gs, "\u0001")
    .replaceAll(/<br \/>|<\/?(?:p|h\d|li|ul|ol|blockquote|table|thead|tbody|tr|th|td|hr)\b[^>]*>/g, "\n")
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? "");

function assertInert(text: string, where: string): void {
  for (const link of linksIn(text))
    assert.ok(isAllowed(link), `${where}: ${JSON.stringify(link)} in ${JSON.stringify(text)}`);
}

/** Code is no part of a link, but nor does it stand apart from the word it touches; blanks in it do. */
const withoutCode = (words: string, { offset, length }: { offset: number; length: number }): string =>
  words.slice(0, offset) +
  words.slice(offset, offset + length).replaceAll(/\S/g, "\u0001") +
  words.slice(offset + length);

const runs = { numRuns: 5_000 };

describe("whatever a tainted run says, no link leads to a host that is not allowed", () => {
  test("on Matrix: none in the HTML, none in the text", () => {
    fc.assert(
      fc.property(markdown, (said) => {
        for (const { body, formatted_body: html = "" } of bodiesOf(said, () => undefined, links)) {
          assert.doesNotMatch(html, /<img/i);
          for (const [, href = ""] of html.matchAll(/<a href="([^"]*)"/g))
            assert.ok(isAllowed(href.replaceAll("&amp;", "&")), href);
          // Across tags, as a careless client reads it, and in each piece of its own.
          assertInert(wordsOf(html), "HTML");
          for (const piece of html.replaceAll(/<(pre|code).*?<\/\1>/gs, "<>").split(/<[^>]*>/))
            assertInert(wordsOf(piece), "node");
          assertInert(body, "body");
        }
      }),
      runs,
    );
  });

  test("on Telegram: none by an entity, none in the text outside of code, none where the entities are refused", () => {
    fc.assert(
      fc.property(markdown, (said) => {
        for (const { text, plain, entities = [] } of renderTelegram(
          said,
          { channel: "telegram", bot: "a", chat: 1 },
          links,
        )) {
          let words = text;
          for (const entity of entities) {
            if (entity.type === "text_link") assert.ok(isAllowed(entity.url), entity.url);
            assert.ok(
              ["text_link", "code", "pre", "bold", "italic", "strikethrough", "blockquote"].includes(entity.type),
            );
            if (entity.type === "code" || entity.type === "pre") words = withoutCode(words, entity);
          }
          assertInert(words, "text");
          if (plain !== undefined) assertInert(plain, "plain");
        }
      }),
      runs,
    );
  });

  test("in a caption", () => {
    fc.assert(
      fc.property(markdown, (said) => assertInert(inertText(said, links), "caption")),
      runs,
    );
  });
});

describe("whatever a tainted run says, of a host that is not allowed no link leads but to the allowed URL exactly", () => {
  const urls = ["https://news.example/x", "https://news.example/x?q=1&r=2", "https://root.example/"];
  const exactly = linksAlsoTo(links, new Set(urls));
  const near = [
    ...urls,
    ...urls.map((url) => `[x](${url})`),
    ...urls.map((url) => `[x](<${url}>)`),
    ...urls.map((url) => `<${url}>`),
    "news.example",
    "root.example",
    "root.example/y",
    "https://news.example",
    "https://news.example/",
    "https://news.example/x/y",
    "https://news.example/x&q=secret",
    "secret",
    "?s=",
    " ",
    "\n",
  ];
  const said = fc
    .array(fc.oneof(fc.constantFrom(...near), fc.constantFrom(...pieces), fc.string({ maxLength: 2 })), {
      maxLength: 10,
    })
    .map((parts) => parts.join(""));
  /** Of what follows an address in a text, readers take punctuation in at most. */
  const leadsThere = (link: string): boolean =>
    isAllowed(link) || urls.includes(link) || urls.includes(link.replace(/[)>\]]{0,3}[.,;:!?]?$/u, ""));

  test("on Matrix", () => {
    fc.assert(
      fc.property(said, (markdown) => {
        for (const { body, formatted_body: html = "" } of bodiesOf(markdown, () => undefined, exactly)) {
          for (const [, href = ""] of html.matchAll(/<a href="([^"]*)"/g)) {
            const target = href.replaceAll("&amp;", "&");
            assert.ok(isAllowed(target) || urls.includes(target), href);
          }
          const outside = html.replaceAll(/<a href=.*?<\/a>/gs, "\u0001");
          for (const text of [wordsOf(html), wordsOf(outside), body])
            for (const link of linksIn(text)) assert.ok(leadsThere(link), `${JSON.stringify(link)} in ${text}`);
        }
      }),
      runs,
    );
  });

  test("on Telegram", () => {
    fc.assert(
      fc.property(said, (markdown) => {
        for (const { text, plain = "", entities = [] } of renderTelegram(
          markdown,
          { channel: "telegram", bot: "a", chat: 1 },
          exactly,
        )) {
          let words = text;
          for (const entity of entities) {
            if (entity.type === "text_link") assert.ok(isAllowed(entity.url) || urls.includes(entity.url), entity.url);
            if (entity.type !== "code" && entity.type !== "pre") continue;
            words = withoutCode(words, entity);
          }
          for (const shown of [words, plain])
            for (const link of linksIn(shown)) assert.ok(leadsThere(link), `${JSON.stringify(link)} in ${shown}`);
        }
      }),
      runs,
    );
  });
});
