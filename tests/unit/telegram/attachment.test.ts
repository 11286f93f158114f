import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { ClawError } from "../../../lib/errors.ts";
import { createTelegramChannel } from "../../../lib/telegram/channel.ts";
import { type BotApi, startBotApi } from "../../support/bot-api.ts";
import { memoryLog, testBot, testConfig, token } from "./support.ts";

let api: BotApi;
before(async () => void (api = await startBotApi()));
after(() => api.stop());
beforeEach(() => {
  api.reset();
  api.files.clear();
});

const limit = 1_000;

async function fetchFile(ref: string, size?: number, api_root = api.url): Promise<Uint8Array> {
  const config = testConfig(testBot({ api_root }));
  const channel = createTelegramChannel({ config: () => config, log: memoryLog().log });
  return channel.fetchAttachment(
    { kind: "image", ref, ...(size !== undefined && { size }) },
    { channel: "telegram", bot: "main", chat: 1 },
    limit,
    new AbortController().signal,
  );
}

const failure = async (promise: Promise<unknown>): Promise<ClawError> => {
  const error: unknown = await promise.then(
    () => assert.fail("it was fetched"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ClawError);
  assert.ok(!`${error.message} ${error.say} ${String(error.cause)}`.includes(token));
  return error;
};

describe("a file", () => {
  test("of exactly the limit is fetched, its name encoded", async () => {
    const bytes = new Uint8Array(limit).fill(7);
    api.files.set("f", { path: "photos/file 1 ä.jpg", bytes });
    assert.deepEqual(new Uint8Array(await fetchFile("f")), bytes);
  });

  test("larger than the limit by its claim, by getFile or in truth is refused as too large", async () => {
    api.files.set("f", { path: "a/f", bytes: new Uint8Array(limit + 1) });
    assert.equal((await failure(fetchFile("f", limit + 1))).code, "too_large");
    assert.equal(api.calls.length, 0);
    assert.equal((await failure(fetchFile("f"))).code, "too_large");
    api.files.set("f", { path: "a/f", bytes: new Uint8Array(limit + 1), size: 10 });
    const error = await failure(fetchFile("f", 10));
    assert.equal(error.code, "too_large");
    assert.match(error.say ?? "", /too large/);
  });

  test("that never ends is cut off at the limit", async (t) => {
    const endless = createServer((request, response) => {
      if (request.method === "POST") {
        response.end(JSON.stringify({ ok: true, result: { file_id: "f", file_path: "a/f" } }));
        return;
      }
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(100)));
      };
      response.on("drain", write);
      write();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    endless.listen(0, "127.0.0.1", resolve);
    await promise;
    t.after(() => {
      endless.close();
      endless.closeAllConnections();
    });
    const address = endless.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    assert.equal((await failure(fetchFile("f", undefined, url))).code, "too_large");
  });

  test("that Telegram finds too big, does not know or cannot give is told clearly", async () => {
    api.fail("getFile", 1, { error_code: 400, description: "Bad Request: file is too big" });
    assert.equal((await failure(fetchFile("f"))).code, "too_large");
    assert.equal((await failure(fetchFile("unknown"))).code, "channel_failed");
    assert.equal((await failure(fetchFile("f", undefined, "http://127.0.0.1:1"))).code, "channel_failed");
  });

  test("behind a redirect is not followed", async (t) => {
    const other = createServer((request, response) => {
      if (request.method === "POST")
        response.end(JSON.stringify({ ok: true, result: { file_id: "f", file_path: "a/f" } }));
      else response.writeHead(302, { location: `${api.url}/secret` }).end();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    other.listen(0, "127.0.0.1", resolve);
    await promise;
    t.after(() => {
      other.close();
      other.closeAllConnections();
    });
    const address = other.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    assert.match((await failure(fetchFile("f", undefined, url))).message, /302/);
    assert.equal(api.calls.length, 0);
  });
});

const paths: [string, string][] = [
  ["GHSA-5xfq-5mr7-426q", "../../etc/passwd"],
  ["GHSA-5xfq-5mr7-426q", "photos/../../x"],
  ["GHSA-5xfq-5mr7-426q", "photos/%2e%2e/x"],
  ["GHSA-5xfq-5mr7-426q", "photos\\..\\x"],
  ["GHSA-5xfq-5mr7-426q", "/etc/passwd"],
  ["CVE-2026-28467", "http://169.254.169.254/latest"],
  ["CVE-2026-28467", "//169.254.169.254/latest"],
  ["CVE-2026-28467", "file:///etc/passwd"],
  ["CVE-2026-28467", "a@169.254.169.254:80/x"],
  ["CVE-2026-28467", "photos/x?y=1"],
];
for (const [advisory, path] of paths)
  test(`${advisory}: the path ${JSON.stringify(path)} is not fetched`, async () => {
    api.files.set("f", { path, bytes: new Uint8Array(1) });
    const error = await failure(fetchFile("f"));
    assert.equal(error.code, "channel_failed");
    assert.match(error.message, /usable path/);
  });
