import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { configSchema, type RawConfig } from "../../../lib/config/schema.ts";
import { httpTools } from "../../../lib/tools/http.ts";
import { unconnectedTools } from "../../../lib/tools/builtin.ts";
import type { Look, ToolContext } from "../../../lib/tools/define.ts";
import { networkOf, type Site, startSite } from "../http/support.ts";
import { call } from "./support.ts";

type Settings = RawConfig["tools"]["http"];

const png = Buffer.from("\x89PNG\r\n\x1a\nrest", "latin1");

const defaults = configSchema.parse({ backends: {}, groups: {}, agents: {} }).tools.http;

/** A page or file as a site has it. */
interface Page {
  readonly type?: string;
  readonly body: string | Uint8Array;
  readonly status?: number;
}

/** Both tools over a site named site.test with these pages. */
async function setUp(t: TestContext, pages: Readonly<Record<string, Page>>, more: Partial<Settings> = {}) {
  const site: Site = await startSite(t, ({ url = "" }, response) => {
    const { type, body, status = 200 } = pages[url] ?? { body: "none", status: 404 };
    response.writeHead(status, type === undefined ? {} : { "content-type": type }).end(body);
  });
  const settings: { now: Settings } = {
    now: { ...defaults, private_hosts: [`http://site.test:${site.port}`], ...more },
  };
  const network = networkOf({ "site.test": ["127.0.0.1"] });
  const [httpGet, imageRead] = httpTools(() => settings.now, network);
  const at = (path: string): string => `http://site.test:${site.port}${path}`;
  return { site, settings, network, httpGet, imageRead, at };
}

describe("http_get", () => {
  test("gives a page's address, status, type, title and text", async (t) => {
    const html = "<title>Boiler</title><script>x</script><p>Turn it <a href='/off'>off</a>.";
    const { httpGet, at } = await setUp(t, { "/a": { type: "text/html; charset=utf-8", body: html } });
    assert.equal(
      await call(httpGet, { url: ` ${at("/a#part")} ` }),
      `URL: ${at("/a")}\nStatus: 200\nType: text/html; charset=utf-8\nTitle: Boiler\n\nTurn it off (${at("/off")}).`,
    );
  });

  test("gives JSON and other text as it is, and an error's page with its status", async (t) => {
    const { httpGet, at } = await setUp(t, {
      "/j": { type: "application/json", body: '{"a": "<b>"}' },
      "/e": { body: "" },
    });
    assert.match(await call(httpGet, { url: at("/j") }), /Type: application\/json\n\n\{"a": "<b>"\}$/);
    assert.match(await call(httpGet, { url: at("/gone") }), /Status: 404\nType: not said\n\nnone$/);
    assert.match(await call(httpGet, { url: at("/e") }), /\n\n\[no text\]$/);
  });

  test("gives a long text in pages", async (t) => {
    const { httpGet, at } = await setUp(t, { "/l": { body: "abcdefghij" } }, { max_chars: 4 });
    const page = async (start?: number): Promise<string> =>
      (await call(httpGet, { url: at("/l"), ...(start !== undefined && { start }) })).split("\n\n")[1] ?? "";
    assert.equal(await page(), "abcd\n[characters 0 to 4 of 10; go on with start=4]");
    assert.equal(await page(8), "ij\n[characters 8 to 10 of 10]");
    assert.equal(await page(10), "[the text has 10 characters; there is nothing from 10 on]");
  });

  test("refuses what is no text, whatever it is said to be", async (t) => {
    const { httpGet, at } = await setUp(t, { "/i": { type: "text/html", body: png } });
    await assert.rejects(call(httpGet, { url: at("/i") }), { code: "bad_request", message: /use image_read/ });
  });

  test("refuses every host where none is listed, and names the key", async (t) => {
    const { httpGet, at, site } = await setUp(t, {}, { private_hosts: [] });
    await assert.rejects(call(httpGet, { url: at("/") }), { message: /tools\.http\.hosts in openclaw\.toml/ });
    assert.equal(site.connections, 0);
  });

  test("reads its limits at each call", async (t) => {
    const { httpGet, at, settings } = await setUp(t, { "/": { body: "x".repeat(1_025) } });
    await call(httpGet, { url: at("/") });
    settings.now = { ...settings.now, max_kb: 1 };
    await assert.rejects(call(httpGet, { url: at("/") }), { code: "too_large", message: /larger than 1 KB/ });
    settings.now = { ...settings.now, private_hosts: [], hosts: [`http://site.test:${new URL(at("/")).port}`] };
    await assert.rejects(call(httpGet, { url: at("/") }), { message: /tools\.http\.private_hosts/ });
  });

  test("what is decided on and shown to approvers is the URL that will be asked for", async (t) => {
    const { httpGet } = await setUp(t, {});
    const spelt: [string, string][] = [
      ["https://EXAMPLE.org:443/a/../b#c", "https://example.org/b"],
      ["https://example.org\\@evil.test/", "https://example.org/@evil.test/"],
      ["https://ｅxample.org", "https://example.org/"],
      ["http://2130706433", "http://127.0.0.1/"],
      ["https:/\t/exa\nmple.org", "https://example.org/"],
    ];
    for (const [written, shown] of spelt) {
      const parsed = httpGet?.input.parse({ url: written });
      assert.deepEqual(parsed, { url: shown, start: 0 });
      assert.deepEqual(httpGet?.input.parse(parsed), parsed);
    }
    for (const input of [
      { url: "example.org" },
      { url: "" },
      { url: "https://a", start: -1 },
      { url: "https://a", method: "POST" },
    ])
      assert.throws(() => call(httpGet, input), JSON.stringify(input));
  });
});

describe("image_read", () => {
  /** A model that answers, and what it was asked. */
  function eyes(maxBytes = 1_000) {
    const seen: { mime: string; bytes: string; question: string }[] = [];
    const look: Look = {
      maxBytes,
      ask: async ({ mime, bytes }, question) => {
        seen.push({ mime, bytes: Buffer.from(bytes).toString("latin1"), question });
        return "A cat.";
      },
    };
    return { seen, look };
  }

  test("has the model look at an image, as what its bytes are", async (t) => {
    const { imageRead, at } = await setUp(t, { "/i": { type: "text/html", body: png } });
    const { seen, look } = eyes();
    assert.equal(await call(imageRead, { url: at("/i"), question: " What? " }, { look }), "A cat.");
    assert.deepEqual(seen, [{ mime: "image/png", bytes: png.toString("latin1"), question: "What?" }]);
  });

  test("says so where the model takes no images, and fetches nothing", async (t) => {
    const { imageRead, at, site } = await setUp(t, { "/i": { body: png } });
    await assert.rejects(call(imageRead, { url: at("/i"), question: "?" }), { message: /takes no images/ });
    assert.equal(site.connections, 0);
  });

  const refused: [what: string, path: string, code: string][] = [
    ["a page", "/p", "bad_request"],
    ["a drawing, which is a document", "/s", "bad_request"],
    ["an image that is not there", "/gone", "fetch_failed"],
    ["an image larger than media.max_image_mb", "/large", "too_large"],
  ];
  for (const [what, path, code] of refused)
    test(`shows the model nothing of ${what}`, async (t) => {
      const { imageRead, at } = await setUp(t, {
        "/p": { type: "image/png", body: "<p>not</p>" },
        "/s": { type: "image/svg+xml", body: "<svg/>" },
        "/large": { body: Buffer.concat([png, Buffer.alloc(1_000)]) },
      });
      const { seen, look } = eyes();
      await assert.rejects(call(imageRead, { url: at(path), question: "?" }, { look }), { code });
      assert.deepEqual(seen, []);
    });
});

for (const url of [
  "file:///etc/passwd",
  "FILE:/etc/passwd",
  "file://site.test/etc/passwd",
  "/etc/passwd",
  "data:image/png;base64,iVBORw0KGgo=",
  "ftp://site.test/a.png",
  "blob:https://site.test/1",
  "mxc://site.test/abc",
])
  test(`CVE-2026-44996: ${url} is neither read nor looked at`, async (t) => {
    const { httpGet, imageRead, network } = await setUp(t, {});
    const look = { maxBytes: 1_000, ask: async () => assert.fail("looked at") } satisfies Look;
    const tries: [typeof httpGet, object, Partial<ToolContext>][] = [
      [httpGet, { url }, {}],
      [imageRead, { url, question: "?" }, { look }],
    ];
    // An async function, so that what the schema refuses is a rejection too.
    for (const [tool, input, context] of tries) await assert.rejects(async () => call(tool, input, context));
    assert.deepEqual(network.dialled, []);
  });

for (const url of [
  "https://evil.test/i.png",
  "http://169.254.169.254/i.png",
  "http://127.0.0.1/i.png",
  "https://site.test@evil.test/i.png",
])
  test(`CVE-2026-28467: image_read does not fetch ${url}`, async (t) => {
    const { imageRead, network } = await setUp(t, { "/i": { body: png } });
    const look = { maxBytes: 1_000, ask: async () => assert.fail("looked at") } satisfies Look;
    await assert.rejects(call(imageRead, { url, question: "?" }, { look }), { code: "bad_request" });
    assert.deepEqual(network.dialled, []);
  });

test("both are built in, write nothing, and taint: strangers write what they read, and read what is asked for", () => {
  const tools = unconnectedTools().filter(({ name }) => ["http_get", "image_read"].includes(name));
  assert.equal(tools.length, 2);
  for (const { labels, effect } of tools) assert.deepEqual([labels, effect], [["untrusted", "egress"], "idempotent"]);
});
