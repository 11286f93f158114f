import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as plain } from "node:http";
import { request as secure } from "node:https";
import { after, before, describe, test } from "node:test";
import { createWorld, type World } from "../faults/world.ts";
import { testEnvironment } from "../support/gateway.ts";
import { privateText } from "../support/telegram-updates.ts";
import { type RecordingProxy, startRecordingProxy } from "./support/recording-proxy.ts";
import { type ReverseProxy, startCaddy, startNginx } from "./support/reverse-proxies.ts";
import { needs } from "./support/tools.ts";

/** A request with the path as given, which fetch would tidy. The status; 0 where the connection was cut. */
function ask(
  url: string,
  path: string,
  {
    method = "GET",
    headers = {},
    body = "",
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<number> {
  const { protocol, hostname, port } = new URL(url);
  const options = { hostname, port, path, method, headers, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const outgoing = (protocol === "https:" ? secure : plain)(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    outgoing.on("error", () => resolve(0));
    outgoing.end(body);
  });
}

const secret = { "x-telegram-bot-api-secret-token": testEnvironment["TELEGRAM_SECRET"] ?? "" };
const push = (url: string, body: unknown, headers: Record<string, string> = secret): Promise<number> =>
  ask(url, "/telegram/main", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const closedPaths = [
  ...["/", "/healthz", "/readyz", "/metrics", "/jobs", "/jobs/morning-briefing", "/ops", "/telegram", "/telegram/"],
  ...["//ops", "/telegram/../ops", "/telegram/..%2fops", "/telegram/%2e%2e/ops", "/%6fps", "/telegram%2fmain"],
  ...["/ops/../telegram/main", "//telegram/main", "/telegram//main", "/telegram/./main", "/TELEGRAM/main"],
  ...["/telegram/main/", "/telegram/main?x=1", "/telegram/main/../../ops", "/telegram/main%00", "/telegram/main;ops"],
  ...["/_matrix/app/v1/transactions/1", "/transactions/1", "/users/@agent_ops:home.example"],
];

for (const [name, program, start] of [
  ["Caddy", "caddy", startCaddy],
  ["nginx", "nginx", startNginx],
] as const) {
  const { skip, why } = needs(program);
  describe(`${name} with the config of deploy/${program}, before a real gateway${why}`, { skip }, () => {
    let world: World;
    let hop: RecordingProxy;
    let proxy: ReverseProxy;
    before(async () => {
      world = await createWorld({ script: { text: "Hello through the proxy." } });
      await world.home.start();
      hop = await startRecordingProxy(world.home.publicUrl);
      proxy = await start({ upstreamPort: hop.port });
    });
    after(async () => {
      await proxy?.stop();
      await hop?.stop();
      await world?.end();
    });

    test("a push with the right secret is answered", async () => {
      const person = world.person();
      assert.equal(await push(proxy.url, privateText(person, "hello")), 200);
      assert.equal(await world.heard(person), "Hello through the proxy.");
    });

    test("a push with a wrong secret is the gateway's to refuse", async () => {
      const headers = { "x-telegram-bot-api-secret-token": "wrong" };
      assert.equal(await push(proxy.url, privateText(world.person(), "hello"), headers), 401);
    });

    test("every other path is 404, and so is every spelling of it; none reaches the gateway", async () => {
      const before = hop.seen.length;
      for (const path of closedPaths)
        for (const method of ["GET", "POST", "PUT"]) {
          const status = await ask(proxy.url, path, { method, headers: secret });
          // What is no HTTP path at all, nginx calls a bad request.
          assert.ok(status === 404 || (status === 400 && /%00/.test(path)), `${method} ${path}: ${status}`);
        }
      assert.deepEqual(hop.seen.slice(before), []);
    });

    test("the webhook's path takes POST alone", async () => {
      const before = hop.seen.length;
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
        assert.equal(await ask(proxy.url, "/telegram/main", { method, headers: secret }), 404, method);
      assert.deepEqual(hop.seen.slice(before), []);
    });

    test("a body over 1 MB is refused, and nothing of it is recorded", async () => {
      const [counted] = await world.database.sql<{ count: number }[]>`select count(*)::int as count from inbox`;
      const status = await push(proxy.url, JSON.stringify({ update_id: 1, pad: "x".repeat(3_000_000) }));
      // Caddy before 2.8 says 502 of a body that it cut off itself.
      assert.ok([413, 502].includes(status), `${status}`);
      const [now] = await world.database.sql<{ count: number }[]>`select count(*)::int as count from inbox`;
      assert.deepEqual(now, counted);
    });
  });

  describe(`${name} with the lines for a Synapse elsewhere${why}`, { skip }, () => {
    test("passes the application service's paths on, and its user ids as they are", async (t) => {
      const [hop, seen] = await startAnswering();
      t.after(() => hop.stop());
      const proxy = await start({ upstreamPort: hop.port, matrix: true });
      t.after(() => proxy.stop());
      const open = [
        ["PUT", "/_matrix/app/v1/transactions/42"],
        ["POST", "/_matrix/app/v1/ping"],
        ["GET", "/_matrix/app/v1/users/%40agent_ops%3Ahome.example"],
        ["GET", "/_matrix/app/v1/rooms/%23ops%3Ahome.example"],
        ["GET", "/_matrix/app/v1/thirdparty/user?id=1"],
        ["GET", "/_matrix/app/v1/thirdparty/protocol/irc"],
        ["PUT", "/_matrix/app/v1/transactions/43?access_token=old"],
      ] as const;
      for (const [method, path] of open) assert.equal(await ask(proxy.url, path, { method }), 200, path);
      assert.deepEqual(
        seen,
        open.map(([method, path]) => `${method} ${path}`),
      );
      // The gateway would tidy the path as a browser does: ".." and "%2e%2e" lead up, and "\" is "/".
      const closed = [
        ...["/ops", "/_matrix/client/v3/sync", "/_matrix/app/v1/../../../ops", "/transactions/1"],
        ...["/_matrix/app/v1/ping/../../../../telegram/main", "/_matrix/app/v1/users/../../../../telegram/main"],
        ...["/_matrix/app/v1/users/%2e%2e/%2E./../../telegram/main", "/_matrix/app/v1/users/..\\..\\..\\..\\ops"],
        ...["/_matrix/app/v1/pingx", "/_matrix/app/v1/transactions/1/../../users/x", "/_matrix/app/v1/transactions"],
      ];
      for (const path of closed) assert.equal(await ask(proxy.url, path), 404, path);
      assert.equal(seen.length, open.length);
    });
  });
}

/** Something that says 200 to everything, behind the hop. */
async function startAnswering(): Promise<[RecordingProxy, string[]]> {
  const server = createServer((incoming, outgoing) => void incoming.resume().on("end", () => outgoing.end("{}")));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no address");
  const hop = await startRecordingProxy(`http://127.0.0.1:${address.port}`);
  const stop = async (): Promise<void> => {
    await hop.stop();
    server.close();
    server.closeAllConnections();
  };
  return [{ ...hop, stop }, hop.seen];
}
