import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { get, networkOf, startSite } from "./support.ts";

const own = (port: number): string[] => [`http://site.test:${port}`];
const network = (): ReturnType<typeof networkOf> => networkOf({ "site.test": ["127.0.0.1"] });

describe("a guarded fetch", () => {
  test("gets a page of a listed host, and sends nothing but what it must", async (t) => {
    const site = await startSite(t, (_, response) => {
      response.writeHead(418, { "content-type": "text/plain; charset=utf-8", "set-cookie": "a=b" }).end("hello");
    });
    for (const path of ["/a?b=c", "/again"]) {
      const answer = await get(`http://site.test:${site.port}${path}`, { own: own(site.port), network: network() });
      assert.equal(answer.status, 418);
      assert.equal(answer.contentType, "text/plain; charset=utf-8");
      assert.equal(answer.body.toString(), "hello");
      assert.equal(answer.url.href, `http://site.test:${site.port}${path}`);
    }
    assert.deepEqual(site.asked, ["/a?b=c", "/again"]);
    for (const headers of site.headers)
      assert.deepEqual(headers, {
        host: `site.test:${site.port}`,
        connection: "keep-alive",
        accept: "*/*",
        "accept-encoding": "gzip, deflate, br",
        "user-agent": "openclaw-gateway",
      });
  });

  const codings: [string, (text: string) => Uint8Array][] = [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["identity", (text) => Buffer.from(text)],
  ];
  for (const [coding, pack] of codings)
    test(`unpacks ${coding}`, async (t) => {
      const site = await startSite(t, (_, response) => {
        response.writeHead(200, { "content-encoding": coding }).end(pack("x".repeat(5_000)));
      });
      const { body } = await get(`http://site.test:${site.port}`, { own: own(site.port), network: network() });
      assert.equal(body.toString(), "x".repeat(5_000));
    });

  test("refuses what is packed in another way, or not as it says", async (t) => {
    const site = await startSite(t, ({ url }, response) => {
      response.writeHead(200, { "content-encoding": url === "/broken" ? "gzip" : "gzip, gzip" }).end("no gzip");
    });
    const at = (path: string) =>
      get(`http://site.test:${site.port}${path}`, { own: own(site.port), network: network() });
    await assert.rejects(at("/twice"), { code: "bad_request", message: /compressed in a way/ });
    await assert.rejects(at("/broken"), { code: "fetch_failed" });
  });

  test("stops reading at its limit: of a body that never ends, and of a bomb", async (t) => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const site = await startSite(t, ({ url }, response) => {
      if (url === "/bomb") return void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000)));
      };
      response.on("drain", write);
      write();
    });
    const at = (path: string) =>
      get(`http://site.test:${site.port}${path}`, { own: own(site.port), network: network(), maxBytes: 60_000 });
    for (const path of ["/bomb", "/endless"])
      await assert.rejects(at(path), { code: "too_large", message: /larger than 58 KB/ });
  });

  test("takes a body of exactly its limit", async (t) => {
    const site = await startSite(t, (_, response) => void response.end(Buffer.alloc(2_048)));
    const at = (maxBytes: number) =>
      get(`http://site.test:${site.port}`, { own: own(site.port), network: network(), maxBytes });
    assert.equal((await at(2_048)).body.length, 2_048);
    await assert.rejects(at(2_047), { code: "too_large" });
  });

  test("gives up after its time, also where bytes keep coming", async (t) => {
    const site = await startSite(t, ({ url }, response) => {
      if (url !== "/drip") return;
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    });
    for (const path of ["/silent", "/drip"])
      await assert.rejects(
        get(`http://site.test:${site.port}${path}`, { own: own(site.port), network: network(), timeoutMs: 200 }),
        { code: "fetch_failed", message: /did not answer within 0\.2 s/ },
      );
  });

  test("gives up on a name that is never resolved", async () => {
    const never = { ...network(), resolve: () => new Promise<never>(() => {}) };
    await assert.rejects(get("https://site.test", { hosts: ["site.test"], network: never, timeoutMs: 100 }), {
      code: "fetch_failed",
    });
  });

  test("ends at once with the run", async (t) => {
    const site = await startSite(t, () => {});
    const run = new AbortController();
    const fetched = get(`http://site.test:${site.port}`, {
      own: own(site.port),
      network: network(),
      signal: run.signal,
    });
    setTimeout(() => run.abort(), 50);
    await assert.rejects(fetched, { code: "cancelled" });
  });

  test("tells what went wrong by its code, without an address", async () => {
    const failing = get("http://site.test:1", { own: own(1), network: network() });
    await assert.rejects(failing, {
      code: "fetch_failed",
      message: "site.test:1 could not be fetched from: ECONNREFUSED.",
    });
    await assert.rejects(get("https://none.test", { hosts: ["none.test"], network: network() }), {
      code: "fetch_failed",
    });
  });

  test("tries the next address where one does not answer", async (t) => {
    const site = await startSite(t);
    const two = networkOf({ "site.test": ["127.0.0.2", "127.0.0.1"] });
    const { body } = await get(`http://site.test:${site.port}`, { own: own(site.port), network: two });
    assert.equal(body.toString(), "secret");
    assert.deepEqual(two.dialled, ["127.0.0.2", "127.0.0.1"]);
  });

  test("follows redirects on the host, five at most", async (t) => {
    const site = await startSite(t, ({ url = "" }, response) => {
      const left = Number(url.slice(1));
      if (left === 0) response.end("there");
      else
        response.writeHead(302, { location: left % 2 ? `/${left - 1}` : `//site.test:${site.port}/${left - 1}` }).end();
    });
    const at = (hops: number) =>
      get(`http://site.test:${site.port}/${hops}`, { own: own(site.port), network: network() });
    const { body, url } = await at(5);
    assert.equal(body.toString(), "there");
    assert.equal(url.pathname, "/0");
    await assert.rejects(at(6), { code: "bad_request", message: /more than 5 redirects/ });
  });

  test("reads no proxy from the environment", async (t) => {
    const proxy = await startSite(t);
    const site = await startSite(t);
    const before = { ...process.env };
    t.after(() => void (process.env = before));
    const url = `http://127.0.0.1:${proxy.port}`;
    Object.assign(process.env, { HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url, NODE_USE_ENV_PROXY: "1" });
    await get(`http://site.test:${site.port}`, { own: own(site.port), network: network() });
    assert.equal(proxy.connections, 0);
  });
});
