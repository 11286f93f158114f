import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import { startMcpHttp } from "../../support/mcp/http-server.ts";
import { connectionTo, stdioServer } from "../../support/mcp/setup.ts";

async function setup(t: TestContext, connectMs?: number) {
  const http = await startMcpHttp();
  t.after(() => http.stop());
  const server = stdioServer({}, [], {
    reach: { kind: "http", url: http.url, headers: new Map([["Authorization", new Secret("Bearer canary-token")]]) },
  });
  return { http, ...connectionTo(t, server, connectMs) };
}

test("a server over HTTP is called, with its headers in every request", async (t) => {
  const { http, call, connection } = await setup(t);
  assert.equal((await call("echo", { text: "over HTTP" })).text, "over HTTP");
  await connection.stop();
  assert.ok(http.headers.length >= 4);
  assert.ok(http.headers.every(({ authorization }) => authorization === "Bearer canary-token"));
});

test("a session the server forgot is opened anew, and the call made once", async (t) => {
  const { http, connection, pinned, signal } = await setup(t);
  const echo = await pinned("echo");
  http.forget();
  assert.equal((await connection.call(echo, { text: "again" }, signal)).text, "again");
});

test("a server that is down fails the call and is left alone for a while", async (t) => {
  const { http, connection, pinned, signal, clock } = await setup(t);
  const echo = await pinned("echo");
  http.respond = { status: 503, body: "canary-body" };
  await assert.rejects(connection.call({ ...echo, effect: "unsafe" }, { text: "x" }, signal), /not known whether/);
  await assert.rejects(connection.call(echo, { text: "x" }, signal), /tried again in 1 s/);
  http.respond = undefined;
  clock.now += 1_000;
  assert.equal((await connection.call(echo, { text: "back" }, signal)).text, "back");
});

test("headers do not follow a redirect to another server", async (t) => {
  const { http, connection, signal, log } = await setup(t);
  const other = await startMcpHttp();
  t.after(() => other.stop());
  http.respond = { status: 307, headers: { location: other.url } };
  await assert.rejects(connection.shapes(signal), /does not come up/);
  assert.equal(other.headers.length, 0);
  assert.ok(!log().includes("canary"));
});

for (const [kind, type] of [
  ["an answer", "application/json"],
  ["an event", "text/event-stream"],
] as const)
  test(`${kind} without end is given up`, async (t) => {
    const { http, connection, signal } = await setup(t, 5_000);
    http.respond = { status: 200, headers: { "content-type": type }, body: `data: "${"x".repeat(5 * 1024 * 1024)}` };
    await assert.rejects(connection.shapes(signal), /does not come up/);
  });
