import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { linksAlsoTo, noLinks } from "../../../lib/channel/links.ts";
import { escapeMarkdown, linkTarget, titleLink } from "../../../lib/channel/markdown-link.ts";
import { toHtml } from "../../../lib/matrix/render.ts";
import { oneLine } from "../../../lib/one-line.ts";

/** A title and URL as a reader of Matrix sees them in a text that strangers have a say in. */
function shown(title: string, url: string): string {
  const target = linkTarget(url);
  assert.ok(target !== undefined, url);
  return toHtml(`- ${titleLink(title, target)}`, linksAlsoTo(noLinks, new Set([target])));
}

const item = (inner: string): string => `<ul>\n<li>${inner}</li>\n</ul>`;

test("a title is linked, with the host behind it", () => {
  assert.equal(
    shown("What is new", "https://news.example/a?b=1&c=2"),
    item('<a href="https://news.example/a?b=1&amp;c=2">What is new</a> <code>news.example</code>'),
  );
  assert.equal(
    shown("*Big* [news] <b>`now`</b>", "http://www.news.example:8080/x_(y)"),
    item(
      '<a href="http://www.news.example:8080/x_(y)">*Big* [news] &lt;b&gt;`now`&lt;/b&gt;</a> <code>news.example</code>',
    ),
  );
});

test("a title that looks like an address does not pass for the place it leads to", () => {
  assert.equal(
    shown("https://bank.example", "https://evil.example/x"),
    item('<code>https://bank[.]example</code> <a href="https://evil.example/x">open</a> <code>evil.example</code>'),
  );
  assert.equal(
    shown("Node.js 26 is out", "https://news.example/x"),
    item('<code>Node.js</code> 26 is out <a href="https://news.example/x">open</a> <code>news.example</code>'),
  );
  assert.equal(
    shown("", "https://news.example/x"),
    item('<a href="https://news.example/x">open</a> <code>news.example</code>'),
  );
});

test("only addresses of the web that all read alike are targets", () => {
  for (const url of [
    "javascript:alert(1)",
    "ftp://a.example/",
    "https://",
    "//a.example/x",
    "https://bank.example@evil.example/",
    "https://[::1]/",
    "nonsense",
    `https://a.example/${"x".repeat(2_000)}`,
  ])
    assert.equal(linkTarget(url), undefined, url);
});

test("whatever an address and its title are, the link leads just there", () => {
  const tail = fc.string({
    unit: fc.constantFrom(..."ab/?#&;=%()[]<>\\`*_~|'\"! ü\u{1f600}{}^$,.:@+-"),
    maxLength: 20,
  });
  const title = fc.string({ unit: fc.constantFrom(..."ab.:/@[]()<>\\`*_~|&;! \nü#"), maxLength: 20 });
  fc.assert(
    fc.property(tail, title, (path, words) => {
      const target = linkTarget(`https://news.example/${path}`);
      fc.pre(target !== undefined);
      assert.equal(linkTarget(target), target);
      const html = shown(oneLine(words, 80), target);
      const links = [...html.matchAll(/<a href="([^"]*)"/g)].map(([, href = ""]) => unescaped(href));
      assert.deepEqual(links, [target], html);
    }),
    { numRuns: 3_000 },
  );
});

test("a text on one line loses what is not seen and says where it was cut", () => {
  assert.equal(oneLine(" a\n\tb\u2028c\u202ed\u200b ", 20), "a b cd");
  assert.equal(oneLine("abcdef", 4), "abc…");
  assert.equal(escapeMarkdown("a &amp; b & c"), "a &amp;amp; b & c");
});

const entities: Record<string, string> = { "&amp;": "&", "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">" };
const unescaped = (html: string): string => html.replaceAll(/&(?:amp|quot|#39|lt|gt);/g, (entity) => entities[entity]!);
