import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { readHtml } from "../../../lib/http/html.ts";

const base = new URL("https://example.org/a/b");
const textOf = (html: string): string => readHtml(html, base).text;

test("a page becomes its title and its text: headings, paragraphs, lists, tables and code in lines", () => {
  const html = `<!doctype html><html><head><title> Boilers &amp;
      more</title></head><body><h2>Care</h2><p>One <b>two</b>
      three.<br>Four.</p><ul><li>a<li>b</ul><table><tr><th>k<th>v<tr><td>1<td>2</table><pre>  x
   y</pre><hr><div>Ende &ouml;&#252;</div>`;
  assert.deepEqual(readHtml(html, base), {
    title: "Boilers & more",
    text: "## Care\n\nOne two three.\nFour.\n\n- a\n- b\n\nk | v |\n1 | 2 |\n\n  x\n   y\n\n---\n\nEnde öü",
  });
});

test("a link keeps its address, whole, where it could be fetched and says more than the text", () => {
  assert.equal(textOf('<a href="../c?d=1&amp;e">see <i>this</i></a>'), "see this (https://example.org/c?d=1&e)");
  assert.equal(textOf('<base href="/x/"><a href="y">z</a>!'), "z (https://example.org/x/y)!");
  assert.equal(textOf('<a href="https://e.test/">https://e.test/</a>'), "https://e.test/");
  for (const href of [
    "#top",
    "javascript:alert(1)",
    "mailto:a@b.c",
    "data:text/html,x",
    "file:///etc/passwd",
    "http://[",
  ])
    assert.equal(textOf(`<a href="${href}">text</a>`), "text", href);
  assert.equal(textOf('a<a href="/b"></a>c'), "ac");
});

test("an image is named by its alternative text, with its address", () => {
  assert.equal(
    textOf('<p>A<img src="/i.png" alt="map">B<img src="/t.gif">'),
    "A [image: map] (https://example.org/i.png) B",
  );
});

const hidden: [string, string][] = [
  ["a script", "<script>BAD</script>"],
  ["a style", "<style>BAD</style>"],
  ["a comment", "<!-- BAD -->"],
  ["a template", "<template><p>BAD</template>"],
  ["what is for browsers without scripts", "<noscript>BAD</noscript>"],
  ["the hidden attribute", "<div hidden>BAD<p>BAD</p><img alt=BAD></div>"],
  ["aria-hidden", '<span aria-hidden="true">BAD</span>'],
  ["display: none", '<span style="color:red; Display : NONE !important">BAD<b>BAD</b></span>'],
  ["visibility: hidden", '<span style="visibility:hidden">BAD</span>'],
  ["opacity 0", '<span style="opacity:0.0">BAD</span>'],
  ["a font of no size", '<span style="font-size:0px">BAD</span>'],
  ["a drawing's text", "<svg><text>BAD</text></svg>"],
  ["a form's field", "<textarea>BAD</textarea><select><option>BAD</select>"],
];
for (const [what, html] of hidden)
  test(`what nobody sees is left out: ${what}`, () => {
    assert.equal(textOf(`before ${html}after`), "before after");
  });

test("characters without a shape are left out", () => {
  assert.equal(textOf("a\u200bb\u202ec\u{e0041}\u{e0042}d\ufeff\u00ad"), "abcd");
});

test("any page is read without a throw, in the time its size allows", () => {
  const tags = fc.constantFrom(
    "<a href=x>",
    "</a>",
    "<p>",
    "</p>",
    "<pre>",
    "</pre>",
    "<title>",
    "</title>",
    "<div hidden>",
    "</div>",
    "<li>",
    "<td>",
    "<br/>",
    "<img alt=a src=b>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<![CDATA[",
    "&#x41;",
    "&amp",
    "<base href='//x'>",
    "<",
    ">",
    " ",
    "\n",
    "word",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(tags, fc.string({ maxLength: 5 })), { maxLength: 60 }), (parts) => {
      const { title, text } = readHtml(parts.join(""), base);
      assert.ok(title.length <= 300 && !title.includes("\n"));
      assert.equal(text, text.trim());
    }),
    { numRuns: 2_000 },
  );
});

test("a hostile page costs no more than its size: nesting and links that grow are cut", () => {
  const size = 500_000;
  const pages = [
    "<b>".repeat(size / 6) + "</i>".repeat(size / 8),
    `<base href="https://e.test/${"a".repeat(1_900)}/">${"<a href=x>a</a>".repeat(size / 16)}`,
    `<pre>${" ".repeat(size)}x`,
    `<p style="opacity:${"0".repeat(size)}1">x`,
  ];
  for (const page of pages) assert.ok(textOf(page).length < 2_100_000);
  assert.match(textOf(pages[0] ?? ""), /the rest of the page was left out/);
});
