import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { ClawError } from "../../../lib/errors.ts";
import { type CallCost, type Meter, worstCost } from "../../../lib/llm/meter.ts";
import { type ModelServer, type Script, startModelServer } from "../../support/model-server.ts";
import { backendOf, canaryPrompt, configOf, failureOf, harness, requestOf } from "./support.ts";

let server: ModelServer;
before(async () => {
  server = await startModelServer({ text: "Hello." });
});
after(() => server.stop());

const price = { input: 1, output: 2 };
const usage = { input: 100, output: 10 };

/** Notes what is held and settled, in order. */
function notingMeter(): { meter: Meter; held: [string, CallCost][]; settled: (CallCost | undefined)[] } {
  const held: [string, CallCost][] = [];
  const settled: (CallCost | undefined)[] = [];
  const meter: Meter = {
    async reserve(backend, worst) {
      held.push([backend.name, worst]);
      return async (cost) => void settled.push(cost);
    },
  };
  return { meter, held, settled };
}

/** One call at a backend with a spare, as a script has it go. */
async function called(script: Script, settings: { signal?: AbortSignal; stall_seconds?: number } = {}) {
  server.setScript(script);
  const { meter, held, settled } = notingMeter();
  const { signal, ...backend } = settings;
  const config = configOf(
    backendOf("main", { base_url: server.url, price, retries: 1, fallback: ["spare"], ...backend }),
    backendOf("spare", { base_url: server.url, retries: 0, stall_seconds: backend.stall_seconds ?? 5 }),
  );
  const request = requestOf(signal ? { signal } : {});
  const outcome = await harness()
    .backends.model(config, "main", meter)
    .complete(request)
    .catch((thrown: unknown) => thrown);
  return { held: held.map(([name]) => name), settled, outcome };
}

describe("a call under a meter", () => {
  test("is held at the most it can cost, and settled at what the provider counted", async () => {
    const { held, settled } = await called({ text: "Hi.", usage });
    assert.deepEqual(held, ["main"]);
    assert.deepEqual(settled, [{ tokens: 110, money: 0.00012 }]);
  });

  test("is settled at what the provider says that it cost", async () => {
    assert.deepEqual((await called({ text: "Hi.", usage: { ...usage, cost: 0.5 } })).settled, [
      { tokens: 110, money: 0.5 },
    ]);
  });

  test("whose usage nobody reports is settled as unknown", async () => {
    assert.deepEqual((await called({ text: "Hi.", usage: null })).settled, [undefined]);
  });

  test("that is refused by the meter is not made, and no fallback either", async () => {
    server.setScript({ text: "Hi." });
    const before = server.requests.length;
    const refusal = new ClawError("limit_reached", "no");
    const config = configOf(
      backendOf("main", { base_url: server.url, fallback: ["spare"] }),
      backendOf("spare", { base_url: server.url }),
    );
    const model = harness().backends.model(config, "main", { reserve: () => Promise.reject(refusal) });
    assert.equal(await failureOf(model.complete(requestOf())), refusal);
    assert.equal(server.requests.length, before);
  });

  test("that is retried and then made by a fallback is three calls", async () => {
    const { held, settled } = await called([{ status: 500 }, { status: 503 }, { text: "Hi.", usage }]);
    assert.deepEqual(held, ["main", "main", "spare"]);
    // A 500 may have been billed; 503 means that nothing worked on it; the spare has no price.
    assert.deepEqual(settled, [undefined, { tokens: 0, money: 0 }, { tokens: 110, money: undefined }]);
  });

  for (const [what, turn, known] of [
    ["refused with 400", { status: 400 }, true],
    ["refused with 429", { status: 429 }, true],
    ["that timed out at the server", { status: 408 }, false],
    ["whose gateway timed out", { status: 504 }, false],
    ["cut off in its answer", { text: "Hi there, this is long.", cutAfter: 2 }, false],
    [
      "refused in the middle of its stream",
      { raw: 'data: {"choices":[{"delta":{"content":"H"}}]}\n\ndata: {"error":{"code":429}}\n\n' },
      false,
    ],
  ] as const)
    test(`${what} is settled as ${known ? "free" : "unknown"}`, async () => {
      const { settled } = await called(() => turn);
      assert.ok(settled.length >= 2);
      for (const cost of settled) assert.deepEqual(cost, known ? { tokens: 0, money: 0 } : undefined);
    });

  test("that stalls is settled as unknown", async () => {
    const { settled } = await called({ hang: true }, { stall_seconds: 0.05 });
    assert.equal(settled[0], undefined);
    assert.ok(settled.length > 0);
  });

  test("that a person stops is settled as unknown", async () => {
    const stop = new AbortController();
    const { settled, outcome } = await called(
      () => {
        stop.abort();
        return { hang: true };
      },
      { signal: stop.signal },
    );
    assert.equal((outcome as ClawError).code, "cancelled");
    assert.deepEqual(settled, [undefined]);
  });

  test("to a server that is not there is free", async () => {
    const { meter, settled } = notingMeter();
    const config = configOf(backendOf("main", { base_url: "http://127.0.0.1:9/v1", retries: 0 }));
    await failureOf(harness().backends.model(config, "main", meter).complete(requestOf()));
    assert.deepEqual(settled, [{ tokens: 0, money: 0 }]);
  });
});

describe("the most a call can cost", () => {
  const backend = backendOf("main", { base_url: "http://127.0.0.1:9/v1", price: { input: 1, cached: 3, output: 2 } });
  const tokensOf = (messages: readonly ModelMessage[], images = false): number =>
    worstCost({ ...backend, images }, { ...requestOf(), tools: [], messages }).tokens;
  const user = (text: string): ModelMessage => ({ role: "user", text });

  test("is a token for every byte that is sent, and the longest answer", () => {
    const empty = tokensOf([user("")]);
    assert.ok(empty > 512);
    assert.equal(tokensOf([user("x".repeat(1000))]) - empty, 1000);
    assert.equal(tokensOf([user("語".repeat(10))]) - empty, 30);
  });

  test("counts the tools that are offered, calls and their results", () => {
    const { messages, tools } = requestOf();
    const bare = worstCost(backend, { ...requestOf(), messages, tools: [] }).tokens;
    assert.ok(worstCost(backend, requestOf()).tokens - bare >= JSON.stringify(tools).length - 2);
    const toolCalls = [{ id: "call_1", name: "time_now", arguments: '{"zone":"UTC"}' }];
    assert.ok(
      tokensOf([{ role: "assistant", text: "", toolCalls }]) -
        tokensOf([{ role: "assistant", text: "", toolCalls: [] }]) >=
        28,
    );
    assert.ok(
      tokensOf([{ role: "tool", callId: "call_1", name: "time_now", text: "x".repeat(50) }]) >
        tokensOf([user("x".repeat(50))]),
    );
  });

  test("counts every image as image_tokens, where the backend takes images", () => {
    const images = [1, 2].map(() => ({ mime: "image/png", bytes: new Uint8Array(10) }));
    const message: ModelMessage = { role: "user", text: canaryPrompt, images };
    assert.ok(tokensOf([message], true) - tokensOf([user(canaryPrompt)], true) >= 2 * 4096);
    assert.ok(tokensOf([message], false) - tokensOf([user(canaryPrompt)], false) < 100);
  });

  test("is priced at the dearest input, cached or not", () => {
    const { tokens, money } = worstCost(backend, requestOf());
    assert.equal(money, ((tokens - 512) * 3 + 512 * 2) / 1e6);
    assert.equal(worstCost(backendOf("free", { base_url: "http://x/v1" }), requestOf()).money, undefined);
  });
});
