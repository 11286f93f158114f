import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "../../support/property.ts";
import { Secret } from "../../../lib/config/secret.ts";
import type { FeedsService } from "../../../lib/config/services.ts";
import { cutTo, fairShare } from "../../../lib/sources/fair-share.ts";
import { findEntries, markRead } from "../../../lib/sources/miniflux.ts";
import { type MinifluxApi, startMinifluxApi } from "../../support/miniflux-api.ts";

const signal = new AbortController().signal;
let miniflux: MinifluxApi;
before(async () => {
  miniflux = await startMinifluxApi();
});
after(() => miniflux.stop());
beforeEach(() => miniflux.answer(undefined));

const service = (more: Partial<FeedsService> = {}): FeedsService => ({
  url: miniflux.url,
  token: new Secret(miniflux.key),
  timeoutMs: 5_000,
  maxEntries: 100,
  maxChars: 30_000,
  ...more,
});

const json = (body: unknown, status = 200): Response => Response.json(body, { status });

describe("entries that are not as they should be", () => {
  const whole = {
    id: 7,
    title: " A \u0007 title\n",
    url: "https://news.example/7",
    published_at: "2026-03-20T09:00:00+01:00",
    content: "<p>Text</p>",
    feed: { title: "News", category: { title: "World" } },
  };
  const read = async (entries: unknown[]) => {
    miniflux.answer(json({ total: entries.length, entries }));
    return findEntries(service(), { unread: true, limit: 10 }, signal);
  };

  test("are left out and counted where they lack an id, a title or a date", async () => {
    const broken = [{ ...whole, id: "7" }, { ...whole, title: undefined }, { ...whole, published_at: "soon" }, null, 3];
    const { entries, damaged, total } = await read([...broken, whole]);
    assert.deepEqual([entries.length, damaged, total], [1, 5, 6]);
    assert.deepEqual([entries[0]?.title, entries[0]?.published], ["A title", "2026-03-20T08:00:00.000Z"]);
  });

  test("are read without what is missing besides", async () => {
    const { id, title, published_at } = whole;
    const { entries } = await read([{ id, title, published_at, feed: null, content: 3 }]);
    assert.deepEqual(entries, [
      { id: 7, title: "A title", feed: "", category: "", published: "2026-03-20T08:00:00.000Z", content: "" },
    ]);
  });

  test("have no URL where it is none of the web", async () => {
    const urls = [
      "javascript:alert(1)",
      "data:text/html,x",
      "/relative",
      "mailto:a@b.example",
      `https://a.example/${"x".repeat(2_000)}`,
    ];
    const { entries } = await read(urls.map((url) => ({ ...whole, url })));
    assert.deepEqual(
      entries.map(({ url }) => url),
      urls.map(() => undefined),
    );
  });
});

describe("an error names the setting and what to do", () => {
  const find = (more: Partial<FeedsService> = {}) => findEntries(service(more), { unread: true, limit: 1 }, signal);

  test("where the key is refused", async () => {
    await assert.rejects(find({ token: new Secret("wrong") }), {
      code: "unauthorized",
      message: /^Miniflux answered 401: it refuses the key in tools\.feeds\.token; make one in Miniflux under/,
    });
  });

  test("where nothing answers", async () => {
    await assert.rejects(find({ url: "http://127.0.0.1:1" }), {
      code: "fetch_failed",
      message: /ECONNREFUSED.*tools\.feeds\.url/,
    });
  });

  test("where something else answers", async () => {
    miniflux.answer(new Response("<html>"));
    await assert.rejects(find(), { code: "fetch_failed", message: /no JSON: is tools\.feeds\.url its API/ });
    miniflux.answer(json([]));
    await assert.rejects(find(), { code: "fetch_failed", message: /is tools\.feeds\.url Miniflux/ });
    miniflux.answer(new Response("", { status: 404 }));
    await assert.rejects(find(), { code: "not_found", message: /check tools\.feeds\.url/ });
  });

  test("where Miniflux refuses the request, in its own words", async () => {
    miniflux.answer(json({ error_message: "invalid entry order" }, 400));
    await assert.rejects(find(), { code: "bad_request", message: "Miniflux refused the request: invalid entry order" });
  });
});

test("an empty list of entries to be marked is never sent", async () => {
  const { length } = miniflux.requests;
  await markRead(service(), [], signal);
  assert.equal(miniflux.requests.length, length);
});

describe("a budget of characters", () => {
  test("is never exceeded, used up where it can be, and cuts no text that is shorter than another one's part", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { minLength: 1, maxLength: 40 }), fc.nat(50_000), (lengths, budget) => {
        const share = fairShare(lengths, budget);
        const kept = lengths.map((length) => Math.min(length, share));
        const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
        assert.ok(sum(kept) <= budget || share === Infinity);
        if (share === Infinity) assert.ok(sum(lengths) <= budget);
        else assert.ok(sum(lengths) > budget && budget - sum(kept) < lengths.length);
      }),
    );
  });

  test("leaves a mark where it cuts, and no half of a character", () => {
    assert.equal(cutTo("short", 5), "short");
    assert.equal(cutTo("shorter text", 8), "shorter… [cut: 5 of 12 characters left out]");
    assert.ok(cutTo("a😀b", 2).isWellFormed());
  });
});
