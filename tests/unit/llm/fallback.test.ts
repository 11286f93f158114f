import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import { startModelServer } from "../../support/model-server.ts";
import { backendOf, canaryKey, configOf, failureOf, harness, requestOf } from "./support.ts";

describe("a chain of backends", async () => {
  const main = await startModelServer({ status: 503 });
  const local = await startModelServer({ status: 404 });
  const spare = await startModelServer({ text: "from the spare" });
  after(() => Promise.all([main.stop(), local.stop(), spare.stop()]));

  const config = configOf(
    backendOf("main", { base_url: main.url, fallback: ["local", "spare"], retries: 1, images: true }),
    backendOf("local", { base_url: local.url, fallback: ["spare", "main"] }),
    backendOf("spare", { base_url: spare.url, model: "small", fallback: ["main"] }),
  );

  test("is tried in order, each once, and the answer says who gave it", async () => {
    const { backends, lines } = harness();
    const model = backends.model(config, "main");
    assert.deepEqual([model.backend, model.model, model.takesImages], ["main", "stand-in", true]);
    const answer = await model.complete(requestOf());
    assert.deepEqual([answer.text, answer.backend, answer.model], ["from the spare", "spare", "small"]);
    assert.deepEqual(
      lines().map(({ backend, attempt, status, waitMs }) => [backend, attempt, status, waitMs]),
      [
        ["main", 1, 503, 500],
        ["main", 2, 503, undefined],
        ["local", 1, 404, undefined],
      ],
    );
  });

  test("goes on at once where the first asks for more than 60 s, or for more than is left of its time", async () => {
    const { backends, waits } = harness();
    for (const seconds of ["3600", "45"]) {
      main.setScript({ status: 429, headers: { "retry-after": seconds } });
      assert.equal((await backends.model(config, "main").complete(requestOf())).backend, "spare");
    }
    assert.deepEqual(waits, []);
    main.setScript({ status: 503 });
  });

  test("goes on when the conversation is too long for the first", async () => {
    const { backends } = harness();
    main.setScript({ status: 400, body: { error: { message: "request exceeds the available context size" } } });
    assert.equal((await backends.model(config, "main").complete(requestOf())).backend, "spare");
    main.setScript({ status: 503 });
  });

  test("that fails whole names every backend with its status and remedy", async () => {
    const { backends } = harness();
    spare.setScript({ status: 401 });
    const error = await failureOf(backends.model(config, "main").complete(requestOf()));
    assert.equal(error.code, "backend_failed");
    assert.match(error.message, /backends\.main: 503: the server failed/);
    assert.match(error.message, /backends\.local: 404: .*backends\.local\.model/);
    assert.match(error.message, /backends\.spare: 401: backends\.spare\.api_key is refused/);
    spare.setScript({ text: "from the spare" });
  });

  test("uses a new key and address after a reload", async () => {
    const { backends } = harness();
    const keyed = await startModelServer({ text: "ok" }, { key: canaryKey });
    const stale = configOf(backendOf("main", { base_url: keyed.url, apiKey: new Secret("old") }));
    const fresh = configOf(backendOf("main", { base_url: keyed.url }));
    const error = await failureOf(backends.model(stale, "main").complete(requestOf()));
    assert.match(error.message, /backends\.main\.api_key is refused/);
    assert.equal((await backends.model(fresh, "main").complete(requestOf())).text, "ok");
    await keyed.stop();
  });

  test("keeps its connections between calls", async () => {
    const { backends } = harness();
    const ports = new Set<string | undefined>();
    const { createServer } = await import("node:http");
    const raw = createServer((request, response) => {
      ports.add(String(request.socket.remotePort));
      request.resume().on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end('data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
      });
    });
    await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
    const { port } = raw.address() as { port: number };
    const model = backends.model(configOf(backendOf("main", { base_url: `http://127.0.0.1:${port}/v1` })), "main");
    for (let call = 0; call < 5; call++) await model.complete(requestOf());
    assert.equal(ports.size, 1);
    raw.closeAllConnections();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await model.complete(requestOf())).text, "ok");
    raw.close();
    raw.closeAllConnections();
  });
});
