import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { type Served, serve } from "../sources/serve.ts";
import { examine, lineOf, nowhere } from "./support.ts";

describe("the doctor on the gateway", () => {
  let gateway: Served;
  let answers: Record<string, readonly [status: number, body: object]> = {};
  before(async () => {
    gateway = await serve(({ path }, response) => {
      const [status, body] = answers[path] ?? [404, { error: "not_found" }];
      response.writeHead(status).end(JSON.stringify(body));
    });
  });
  after(() => gateway.stop());
  beforeEach(() => {
    answers = { "/healthz": [200, { ok: true }], "/readyz": [200, { ok: true, queue: { ok: true, reason: "" } }] };
  });

  const look = (publicUrl = gateway.url, privateUrl = gateway.url) =>
    examine({ more: `[listen]\npublic = "${new URL(publicUrl).host}"\n` }, ["gateway"], privateUrl);

  test("one that is not there is one failure, and the rest is skipped", async () => {
    const found = await look(gateway.url, nowhere);
    assert.match(
      lineOf(found, "gateway"),
      /^fail: nothing answers at http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\) -> start the gateway, or look why it ended/,
    );
    assert.deepEqual(
      found.slice(1).map(({ state }) => state),
      ["skipped", "skipped", "skipped"],
    );
  });

  test("something else at its address is told", async () => {
    answers["/healthz"] = [404, {}];
    assert.match(lineOf(await look(), "gateway"), /^fail: \S+\/healthz answers 404 -> something else listens there/);
  });

  test("a public listener that does not answer, or is somebody else's, is told", async () => {
    assert.match(lineOf(await look(), "gateway.public"), /^ok: pushes come in at /);
    const line =
      /^fail: nothing of ours answers at \S+ -> restart the gateway; is listen\.public another service's address\?$/;
    assert.match(lineOf(await look(nowhere), "gateway.public"), line);
    answers["/"] = [200, { hello: "nginx" }];
    assert.match(lineOf(await look(), "gateway.public"), line);
  });

  test("parts that are not well are told with its own reason; those the doctor looks at itself by their names", async () => {
    const part = (ok: boolean, reason: string) => ({ ok, reason });
    answers["/readyz"] = [
      503,
      {
        ok: false,
        database: part(true, "PostgreSQL"),
        queue: part(false, "the oldest waiting message is 90 s old"),
        "telegram.main": part(false, "no webhook is set"),
      },
    ];
    const parts = (await look()).filter(({ name }) => name === "gateway.parts");
    assert.deepEqual(
      parts.map(({ state, saw }) => `${state}: ${saw}`),
      ["fail: queue: the oldest waiting message is 90 s old", "warn: not ready in telegram.main"],
    );
  });

  test("another version is told, and one that does not tell is not held against it", async () => {
    assert.match(lineOf(await look(), "gateway.config"), /^skipped: the gateway is of a version that does not tell$/);
    answers["/about"] = [200, { version: "0.0.1", since: "2026-11-29T08:00:00Z", config: { restart: "", all: "" } }];
    assert.match(
      lineOf(await look(), "gateway.config"),
      /^warn: runs version 0\.0\.1, this is \S+ -> restart the gateway/,
    );
  });
});
