import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { listen } from "../../../functions/listen.ts";

test("a connection on which nothing is ever asked does not hold up the end", async () => {
  const listener = await listen(() => new Response("hello"), "127.0.0.1:0", "listen.public");
  const silent = connect(Number(new URL(listener.url).port), "127.0.0.1");
  await once(silent, "connect");
  const cut = once(silent, "close");
  await listener.close();
  await cut;
});

test("an address that is taken is told with the key to change", async () => {
  const listener = await listen(() => new Response("hello"), "127.0.0.1:0", "listen.public");
  const { port } = new URL(listener.url);
  await assert.rejects(
    listen(() => new Response("hello"), `127.0.0.1:${port}`, "listen.private"),
    /cannot listen on 127\.0\.0\.1:\d+ .*change listen\.private/,
  );
  await listener.close();
});
