import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ModelServer, type Script, startModelServer } from "../../support/model-server.ts";
import { examine, lineOf, nowhere } from "./support.ts";

const called = { toolCalls: [{ name: "report_ready", arguments: {} }] };

describe("the doctor on models", () => {
  let server: ModelServer;
  before(async () => {
    server = await startModelServer(called, { key: "canary-llm-key" });
  });
  after(() => server.stop());

  const look = (script: Script, backend = "", environment: Record<string, string> = {}) => {
    server.setScript(script);
    server.requests.length = 0;
    return examine({ modelUrl: server.url, backend, environment }, ["models"]);
  };

  test("one that answers, calls its tool and reports usage is asked once, for little", async () => {
    const found = await look(called, "price = { input = 1, output = 2 }\nimages = true");
    assert.match(
      lineOf(found, "models.main"),
      /^ok: stand-in answers in \d+ ms, request id req_\d+; not tried: images$/,
    );
    assert.equal(lineOf(found, "models.main.tools"), "ok: calls the tool it is given");
    assert.equal(lineOf(found, "models.main.usage"), "ok: reports its usage: 100 tokens in, 20 out");
    assert.equal(lineOf(found, "models.main.price"), "ok: known by the config");
    assert.equal(server.requests.length, 1);
    assert.deepEqual(
      [server.requests[0]?.body["tool_choice"], server.requests[0]?.body["max_tokens"]],
      ["required", 1024],
    );
  });

  test("the Responses API is asked in its own words", async () => {
    const found = await look(called, 'api = "responses"\nprice = { input = 1, output = 2 }');
    assert.equal(lineOf(found, "models.main.tools"), "ok: calls the tool it is given");
    assert.equal(server.requests[0]?.body["tool_choice"], "required");
  });

  test("a server that does not know tool_choice is asked without it", async () => {
    const script: Script = ({ n }) => (n % 2 === 1 ? { status: 400 } : called);
    const even = await startModelServer(script, { key: "canary-llm-key" });
    try {
      const found = await examine({ modelUrl: even.url }, ["models.main.tools"]);
      assert.equal(lineOf(found, "models.main.tools"), "ok: calls the tool it is given");
      assert.deepEqual(
        even.requests.map(({ body }) => body["tool_choice"]),
        ["required", undefined],
      );
    } finally {
      await even.stop();
    }
  });

  test("one that refuses tools fails in one line, and is known to answer", async () => {
    const found = await look(({ tools }) => (tools.length > 0 ? { status: 400 } : { text: "Yes." }));
    assert.match(lineOf(found, "models.main"), /^ok: /);
    assert.match(
      lineOf(found, "models.main.tools"),
      /^fail: refuses requests that offer a tool -> agents need them: serve a model that calls tools/,
    );
  });

  test("one that answers in words instead of calling is warned of", async () => {
    assert.match(
      lineOf(await look({ text: "I am ready." }), "models.main.tools"),
      /^warn: answered without calling the tool it was told to call -> agents may do without their tools/,
    );
    assert.match(
      lineOf(await look({ text: "hm", finishReason: "length" }), "models.main.tools"),
      /^warn: used up 1024 tokens before it called the tool/,
    );
  });

  test("one that reports no usage is told with what budgets make of it, and its price cannot be", async () => {
    const found = await look({ ...called, usage: null });
    assert.match(lineOf(found, "models.main.usage"), /^warn: reports no usage -> budgets count each call as the most/);
    assert.match(lineOf(found, "models.main.price"), /^skipped: /);
  });

  test("a model without a price is warned of where it wants a key", async () => {
    assert.match(
      lineOf(await look(called), "models.main.price"),
      /^warn: nobody knows what it costs -> set backends\.main\.price = \{ input = …, output = … \}, per million tokens in USD$/,
    );
  });

  const failures: readonly (readonly [title: string, script: Script, line: RegExp])[] = [
    [
      "a wrong model",
      { status: 404 },
      /^fail: stand-in does not answer \(404\) -> not found; backends\.main\.model or backends\.main\.base_url/,
    ],
    ["too many requests", { status: 429 }, /^fail: stand-in does not answer \(429\) -> too many requests/],
    [
      "no credit",
      { status: 402 },
      /^fail: stand-in does not answer \(402\) -> the account behind backends\.main\.api_key is out of credit/,
    ],
    ["a server's own trouble", { status: 503 }, /^fail: stand-in does not answer \(503\) -> the server failed/],
  ];
  for (const [title, script, line] of failures)
    test(`${title} is one failure with its remedy, and the rest is skipped`, async () => {
      const found = await look(script);
      assert.match(lineOf(found, "models.main"), line);
      assert.deepEqual(
        found.slice(1).map(({ state }) => state),
        ["skipped", "skipped", "skipped"],
      );
    });

  test("a refused key is told without the key, and a server that is not there with its address", async () => {
    const found = await look(called, "", { LLM_API_KEY: "canary-other-key" });
    assert.equal(
      lineOf(found, "models.main"),
      "fail: stand-in does not answer (401) -> backends.main.api_key is refused",
    );
    assert.doesNotMatch(JSON.stringify(found), /canary/);
    assert.match(
      lineOf(await examine({ modelUrl: `${nowhere}/v1` }, ["models"]), "models.main"),
      /^fail: stand-in does not answer \(ECONNREFUSED\) -> nothing listens at 127\.0\.0\.1:9 \(backends\.main\.base_url\)$/,
    );
  });

  test("every backend that an agent may come to is asked by itself, and no other", async () => {
    server.setScript(called);
    const more = `
[backends.spare]
base_url = "${server.url}"
api_key = { env = "LLM_API_KEY" }
model = "spare-model"
fallback = []
[backends.idle]
base_url = "${nowhere}"
model = "idle"
`;
    const found = await examine({ modelUrl: nowhere, backend: 'fallback = ["spare"]', more }, ["models"]);
    assert.match(lineOf(found, "models.main"), /^fail: /);
    assert.match(lineOf(found, "models.spare"), /^ok: spare-model answers/);
    assert.ok(!found.some(({ name }) => name.startsWith("models.idle")));
  });
});
