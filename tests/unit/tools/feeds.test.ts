import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import type { FeedsService, Services } from "../../../lib/config/services.ts";
import { type FeedsData, feedsTools } from "../../../lib/tools/feeds.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { startMinifluxApi } from "../../support/miniflux-api.ts";
import { call, testContext } from "./support.ts";

/** The tools over a Miniflux. */
async function setUp(t: TestContext, more: Partial<FeedsService> = {}) {
  const miniflux = await startMinifluxApi();
  t.after(() => miniflux.stop());
  const token = new Secret(miniflux.key);
  const feeds = { url: miniflux.url, token, timeoutMs: 5_000, maxEntries: 100, maxChars: 30_000, ...more };
  const services: Services = { alerts: undefined, calendar: undefined, tasks: undefined, feeds };
  const [unread, search, markRead] = feedsTools(() => services);
  if (!unread || !search || !markRead) throw new Error("no tools");
  const dataOf = async (tool = unread, input: object = {}): Promise<FeedsData> =>
    (await runGrantedWhole(tool, input, testContext())).data as FeedsData;
  return { miniflux, unread, search, markRead, dataOf };
}

test("unread entries come the newest first, with id, feed, category, local time, URL and text", async (t) => {
  const { miniflux, unread } = await setUp(t);
  miniflux.add({ title: "Old", content: "<p>First.</p>", published_at: "2026-03-27T07:00:00Z" });
  miniflux.add({ title: "Read", status: "read" });
  miniflux.add({
    title: "New <b>",
    category: "World",
    content: '<p>Second, <a href="/more">more</a>.</p><script>x</script>',
    published_at: "2026-03-28T07:00:00Z",
  });
  assert.equal(
    await call(unread, {}),
    `2 unread entries.

#3 New <b>
Example News (World), 2026-03-28 08:00
https://news.example/3
Second, more (https://news.example/more).

#1 Old
Example News (All), 2026-03-27 08:00
https://news.example/1
First.`,
  );
});

test("data has the same for code, with the texts as they are shown", async (t) => {
  const { miniflux, dataOf } = await setUp(t);
  miniflux.add({
    title: "Boiler",
    content: "<p>Hot.</p>",
    published_at: "2026-03-28T07:00:00Z",
    url: "mailto:x@y.example",
  });
  assert.deepEqual(await dataOf(), {
    entries: [
      {
        ...{ id: 1, title: "Boiler", feed: "Example News", category: "All" },
        ...{ published: "2026-03-28T07:00:00.000Z", text: "Hot." },
      },
    ],
    total: 1,
  });
});

test("nothing unread is said so", async (t) => {
  const { unread, search } = await setUp(t);
  assert.equal(await call(unread, {}), "Nothing is unread.");
  assert.equal(await call(search, { query: "boiler" }), "No entry has these words.");
});

test("what is beyond the limit is told, and the config's limit is the highest", async (t) => {
  const { miniflux, unread } = await setUp(t, { maxEntries: 3 });
  for (let each = 0; each < 5; each++) miniflux.add({ title: `Entry ${each}` });
  assert.match(await call(unread, { limit: 2 }), /^2 of 5 unread entries shown, the newest\./);
  assert.match(await call(unread, { limit: 500 }), /^3 of 5 unread entries shown/);
});

test("a damaged entry is left out and counted", async (t) => {
  const { miniflux, unread } = await setUp(t);
  miniflux.add({ title: "Whole" });
  miniflux.add({ title: "Broken", raw: { published_at: "soon" } });
  assert.match(await call(unread, {}), /^2 unread entries\. 1 could not be read and is left out\.\n\n#1 Whole/);
});

test("a category is found by its name, whatever its case, and a wrong one is answered with those there are", async (t) => {
  const { miniflux, unread } = await setUp(t);
  miniflux.add({ title: "Here", category: "World" });
  miniflux.add({ title: "There" });
  assert.match(await call(unread, { category: "world" }), /^1 unread entry\.\n\n#1 Here/);
  await assert.rejects(call(unread, { category: "Sports" }), {
    code: "bad_request",
    message: 'Miniflux has no category "Sports"; there are "All", "World"',
  });
});

test("since leaves out what is older, and is refused without an offset", async (t) => {
  const { miniflux, unread } = await setUp(t);
  miniflux.add({ title: "Old", published_at: "2026-03-27T07:00:00Z" });
  miniflux.add({ title: "New", published_at: "2026-03-28T07:00:00Z" });
  assert.match(await call(unread, { since: "2026-03-27T12:00:00+02:00" }), /^1 unread entry\.\n\n#2 New/);
  for (const since of ["2026-03-27T12:00", "yesterday", "2026-13-27T12:00:00Z"])
    assert.throws(() => call(unread, { since }), /must be a date and time with its zone/);
});

test("a search finds read entries too", async (t) => {
  const { miniflux, search } = await setUp(t);
  miniflux.add({ title: "The boiler", status: "read" });
  miniflux.add({ title: "The garden" });
  assert.match(await call(search, { query: "boiler" }), /^1 entry\.\n\n#1 The boiler/);
});

test("short texts stay whole, and long ones share what is left", async (t) => {
  const { miniflux, dataOf } = await setUp(t, { maxChars: 1_000 });
  miniflux.add({ title: "Summary", content: "<p>Short and whole.</p>" });
  for (const letter of ["a", "b"]) miniflux.add({ title: letter, content: `<p>${letter.repeat(4_000)}</p>` });
  const [b, a, summary] = (await dataOf()).entries;
  assert.equal(summary?.text, "Short and whole.");
  assert.equal(a?.text, `${"a".repeat(492)}… [cut: 3508 of 4000 characters left out]`);
  assert.equal(b?.text.length, a.text.length);
});

test("entries are marked as read, each once, and again without harm", async (t) => {
  const { miniflux, markRead } = await setUp(t);
  for (const title of ["One", "Two", "Three"]) miniflux.add({ title });
  assert.equal(await call(markRead, { ids: [1, 3, 3] }), "Marked 2 entries as read.");
  assert.equal(await call(markRead, { ids: [1] }), "Marked 1 entry as read.");
  assert.deepEqual(miniflux.unread(), [2]);
  assert.throws(() => call(markRead, { ids: [] }), /too_small|Too small/i);
});

test("reading is untrusted, marking acts, and all of it is of the service feeds", async (t) => {
  const { unread, search, markRead } = await setUp(t);
  for (const tool of [unread, search]) assert.deepEqual(tool.labels, ["untrusted"]);
  assert.deepEqual([markRead.labels, markRead.effect], [["act"], "idempotent"]);
  for (const { service } of [unread, search, markRead]) assert.equal(service, "feeds");
});
