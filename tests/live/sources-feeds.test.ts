/** The feeds_* tools on a real Miniflux. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Secret } from "../../lib/config/secret.ts";
import type { FeedsService, Services } from "../../lib/config/services.ts";
import type { Tool } from "../../lib/tools/define.ts";
import { type FeedsData, feedsTools } from "../../lib/tools/feeds.ts";
import { runGrantedWhole } from "../support/granted.ts";
import { testContext } from "../unit/tools/support.ts";
import { type Miniflux, startMiniflux } from "./support/miniflux.ts";

let miniflux: Miniflux | undefined;
let feeds: FeedsService;
before(async () => {
  miniflux = await startMiniflux();
  const token = new Secret(miniflux.token);
  feeds = { url: miniflux.url, token, timeoutMs: 10_000, maxEntries: 100, maxChars: 1_000 };
  await miniflux.subscribe({
    title: "Home & Heat",
    category: "House",
    items: [
      {
        title: "Boilers <explained>",
        url: "https://heat.example/boilers?a=1&b=2",
        published: "2026-03-26T08:00:00Z",
        html: '<p>A boiler <b>boils</b>. <a href="/more">More</a><script>alert(1)</script></p>',
      },
      {
        title: "Long read",
        url: "https://heat.example/long",
        published: "2026-03-27T08:00:00Z",
        html: `<p>${"word ".repeat(900)}</p>`,
      },
    ],
  });
  await miniflux.subscribe({
    title: "World",
    category: "News",
    items: Array.from({ length: 5 }, (_, each) => ({
      title: `Headline ${each}`,
      url: `https://news.example/${each}`,
      published: `2026-03-2${each}T12:00:00Z`,
      html: `<p>It happened, number ${each}.</p>`,
    })),
  });
});
after(() => miniflux?.stop());

const services = (): Services => ({ alerts: undefined, calendar: undefined, tasks: undefined, feeds });
const [unread, search, markRead] = feedsTools(services) as [Tool, Tool, Tool];
const run = (tool: Tool, input: object = {}) => runGrantedWhole(tool, input, testContext());
const titles = async (tool: Tool, input: object = {}): Promise<string[]> =>
  ((await run(tool, input)).data as FeedsData).entries.map(({ title }) => title);

describe("a real Miniflux", () => {
  test("gives what is unread, the newest first, as text", async () => {
    const { text, data } = await run(unread);
    const { entries, total } = data as FeedsData;
    assert.equal(total, 7);
    assert.match(text, /^7 unread entries\.\n\n#\d+ Long read\nHome & Heat \(House\), 2026-03-27 09:00\nhttps:/);
    const [long, boilers] = entries;
    assert.match(long?.text ?? "", /^word word .*… \[cut: \d+ of 4499 characters left out\]$/);
    assert.equal(boilers?.title, "Boilers <explained>");
    assert.equal(boilers.url, "https://heat.example/boilers?a=1&b=2");
    assert.equal(boilers.text, "A boiler boils. More (https://heat.example/more)");
    assert.equal(boilers.published, "2026-03-26T08:00:00.000Z");
  });

  test("gives a category, what is newer than a time, and as many as are wanted", async () => {
    assert.deepEqual(await titles(unread, { category: "house" }), ["Long read", "Boilers <explained>"]);
    assert.deepEqual(await titles(unread, { since: "2026-03-24T00:00:00Z" }), [
      ...["Long read", "Boilers <explained>", "Headline 4"],
    ]);
    assert.match((await run(unread, { limit: 2 })).text, /^2 of 7 unread entries shown, the newest\./);
    await assert.rejects(run(unread, { category: "Sports" }), { message: /there are "All", "House", "News"/ });
  });

  test("searches, marks as read, and finds what was read", async () => {
    const { entries } = (await run(search, { query: "boiler" })).data as FeedsData;
    assert.deepEqual(
      entries.map(({ title }) => title),
      ["Boilers <explained>"],
    );
    const ids = entries.map(({ id }) => id);
    for (let each = 0; each < 2; each++) assert.equal((await run(markRead, { ids })).text, "Marked 1 entry as read.");
    assert.deepEqual(await titles(search, { query: "boiler" }), ["Boilers <explained>"]);
    assert.ok(!(await titles(unread)).includes("Boilers <explained>"));
    assert.equal((await miniflux?.unread())?.length, 6);
    await run(markRead, { ids: [999_999] });
  });

  test("refuses a wrong key, and the setting is named", async () => {
    const right = feeds;
    feeds = { ...right, token: new Secret("wrong") };
    try {
      await assert.rejects(run(unread), {
        code: "unauthorized",
        message: /^Miniflux answered 401.*tools\.feeds\.token/,
      });
    } finally {
      feeds = right;
    }
  });
});
