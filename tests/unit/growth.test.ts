/** What grows by the square of a stranger's text would stand still here: each case is far past what a square could do in time. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { splitMarkdown } from "../../lib/channel/split.ts";
import { readHtml } from "../../lib/http/html.ts";
import { readEvents } from "../../lib/llm/events.ts";
import { bodiesOf } from "../../lib/matrix/message-body.ts";

/** A busy machine takes a few times as long as usual; a square takes minutes. */
const most = 8_000;

const cases: Record<string, () => unknown> = {
  "a line of a model's stream without end": () =>
    readEvents(
      Readable.from(Array.from({ length: 2_000 }, () => Buffer.alloc(16_384, "a"))),
      () => false,
      () => {},
    ),
  "an answer of short paragraphs": () => bodiesOf("x\n\n".repeat(20_000), () => undefined),
  "an answer of code fences": () => bodiesOf("- ```\n".repeat(40_000), () => undefined),
  "a page of links within links": () =>
    readHtml(`${'<a href="/x"><b>'.repeat(950)}${"words &amp; ".repeat(150_000)}`, new URL("https://a.example/")),
  "a page of links around nothing": () =>
    readHtml(`<pre>${'<a href="/x"><b>'.repeat(950)}${"&#32;".repeat(1_000_000)}`, new URL("https://a.example/")),
  "an answer of short paragraphs, split": () =>
    splitMarkdown("x\n\n".repeat(100_000), 40_000, (text) => Buffer.byteLength(JSON.stringify(text))),
};

for (const [what, work] of Object.entries(cases))
  test(`${what} is read in good time`, async () => {
    const began = performance.now();
    await work();
    const took = performance.now() - began;
    assert.ok(took < most, `${Math.round(took)} ms`);
  });
