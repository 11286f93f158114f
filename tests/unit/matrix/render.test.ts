import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Destination } from "../../../lib/channel/types.ts";
import { createMatrixChannel } from "../../../lib/matrix/channel.ts";
import { matrixBody } from "../../../lib/matrix/message-body.ts";
import type { MatrixBody } from "../../../lib/matrix/message-body.ts";
import { sanitize, toHtml } from "../../../lib/matrix/render.ts";
import { createMatrixClient } from "../../../lib/matrix/client.ts";
import { memoryLog, noCrypto, oneDevice, ops, opsRoom, testConfig } from "./support.ts";

const channel = createMatrixChannel({
  events: { sentAs: async () => undefined },
  config: () => config,
  client: createMatrixClient(() => config),
  rooms: { encrypted: async () => false, markEncrypted: async () => {} },
  deviceIds: oneDevice,
  crypto: noCrypto,
  log: memoryLog().log,
});
const config = testConfig();
const inRoom = { channel: "matrix", user: ops, room: opsRoom, replyTo: "$asked" } as const;
const render = (markdown: string, destination: Destination = inRoom): MatrixBody[] =>
  channel.render(markdown, destination).map(matrixBody);

describe("HTML", () => {
  test("code keeps its language, tables and lists are tables and lists", () => {
    assert.equal(toHtml("```js\na < b\n```"), '<pre><code class="language-js">a &lt; b\n</code></pre>');
    assert.match(toHtml("|a|b|\n|-|-|\n|1|2|"), /<table>\s*<thead>.*<td>2<\/td>/s);
    assert.match(toHtml("3. x\n4. y"), /<ol start="3">/);
    assert.equal(toHtml("~~x~~ **y** *z*"), "<p><s>x</s> <strong>y</strong> <em>z</em></p>");
  });

  test("HTML in an answer is shown, never meant", () => {
    for (const attack of [
      "<script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      '<a href="https://x" onclick="alert(1)">x</a>',
      "<mx-reply>x</mx-reply>",
    ])
      assert.doesNotMatch(toHtml(attack), /<(script|img|a|mx-reply)/);
  });

  test("only links to the web, to mail and to people are links", () => {
    assert.match(toHtml("[x](https://a.example/?q=1)"), /<a href="https:\/\/a\.example\/\?q=1">x<\/a>/);
    assert.match(toHtml("[x](mailto:a@b.c)"), /<a href="mailto:a@b\.c">/);
    assert.match(toHtml("[x](https://matrix.to/#/@a:b.c)"), /<a href="https:\/\/matrix\.to\/#\/@a:b\.c">/);
    for (const target of [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "data:text/html,x",
      "vbscript:x",
      "file:///etc/passwd",
      "mxc://a/b",
      "//evil.example/x",
      "&#106;avascript:alert(1)",
    ])
      assert.doesNotMatch(toHtml(`[x](${target})`), /href="(?!https?:|mailto:)/, target);
  });

  test("an image becomes a link, so that nothing is fetched without a click", () => {
    assert.equal(toHtml("![a cat](https://a.example/c.png)"), '<p><a href="https://a.example/c.png">a cat</a></p>');
    assert.doesNotMatch(toHtml("![x](mxc://a/b) ![y](javascript:alert(1))"), /<img|href="(mxc|javascript)/);
  });

  test("the sanitiser alone holds too", () => {
    const dirty = '<p onclick="x" style="x">a<script>b</script><img src="mxc://a/b"><a href="javascript:x">c</a></p>';
    assert.equal(sanitize(dirty), "<p>a<a>c</a></p>");
    assert.equal(sanitize('<code class="language-js evil">x</code>'), '<code class="language-js">x</code>');
  });
});

describe("message contents", () => {
  test("plain words need no HTML; the fallback of others is the markdown", () => {
    assert.deepEqual(render("hello", { channel: "matrix", user: ops, room: "!d:home.example" }), [
      { msgtype: "m.text", body: "hello", "m.mentions": {} },
    ]);
    const [body] = render("**hello**");
    assert.equal(body?.body, "**hello**");
    assert.equal(body?.formatted_body, "<p><strong>hello</strong></p>");
  });

  test("in a room of the config the first part is a reply, in a direct chat none is", () => {
    const long = render("word ".repeat(20_000));
    assert.ok(long.length > 1);
    assert.deepEqual(long[0]?.["m.relates_to"], { "m.in_reply_to": { event_id: "$asked" } });
    assert.equal(long[1]?.["m.relates_to"], undefined);
    const direct: Destination = { channel: "matrix", user: ops, room: "!d:home.example", replyTo: "$asked" } as const;
    assert.equal(render("x", direct)[0]?.["m.relates_to"], undefined);
  });

  test("in a thread every part is in it", () => {
    const parts = render("word ".repeat(20_000), { ...inRoom, thread: "$root" });
    for (const part of parts)
      assert.deepEqual(part["m.relates_to"], {
        rel_type: "m.thread",
        event_id: "$root",
        is_falling_back: true,
        "m.in_reply_to": { event_id: "$asked" },
      });
  });

  test("every part fits in an event with room for encryption, whatever its HTML grows to", () => {
    for (const markdown of [
      "word ".repeat(30_000),
      `|a|\n|-|\n${"|x|\n".repeat(30_000)}`,
      "&".repeat(100_000),
      '"\\'.repeat(50_000),
      `\`\`\`py\n${"print(1)\n".repeat(20_000)}\`\`\``,
      "😀".repeat(40_000),
    ])
      for (const part of render(markdown)) assert.ok(Buffer.byteLength(JSON.stringify(part)) < 41_000);
  });

  test("an empty answer is still one part", () => {
    assert.equal(render("").length, 1);
  });
});
