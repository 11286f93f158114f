import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Cost, ModelAnswer, Usage } from "../../../lib/agent/model.ts";
import type { Backend } from "../../../lib/config/config.ts";
import { listPrice } from "../../../lib/llm/list-price.ts";
import { priced } from "../../../lib/llm/price.ts";
import { backendOf } from "./support.ts";

const usage: Usage = { inputTokens: 1_000_000, outputTokens: 500_000, cachedTokens: 400_000 };
const price = { input: 1, cached: 0.1, output: 2 };
const local = { base_url: "http://127.0.0.1:1" };
const hosted = { base_url: "https://api.openai.com/v1", model: "gpt-4o-mini" };

async function costAt(
  settings: Partial<Backend> & { base_url: string },
  fields: { usage?: Usage | undefined; cost?: Cost; model?: string; currency?: string } = {},
): Promise<Cost | undefined> {
  const backend = backendOf("main", settings);
  const answer: ModelAnswer = {
    text: "",
    toolCalls: [],
    finishReason: "stop",
    usage: "usage" in fields ? fields.usage : usage,
    cost: fields.cost,
    backend: "main",
    model: fields.model ?? backend.model,
    responseId: undefined,
    requestId: undefined,
    milliseconds: 1,
  };
  return (await priced(backend, fields.currency ?? "USD", answer)).cost;
}

describe("by a price of the config a call costs", () => {
  test("cached tokens, which are part of the input, at their own price", async () => {
    assert.deepEqual(await costAt({ ...local, price }), { amount: 1.64, source: "config" });
  });

  test("cached tokens as input where they have no price or are not reported", async () => {
    assert.equal((await costAt({ ...local, price: { input: 1, output: 2 } }))?.amount, 2);
    assert.equal((await costAt({ ...local, price }, { usage: { ...usage, cachedTokens: undefined } }))?.amount, 2);
  });

  test("reasoning once, as a part of the output", async () => {
    const thinking = { ...usage, reasoningTokens: 450_000 };
    assert.equal((await costAt({ ...local, price }, { usage: thinking }))?.amount, 1.64);
  });

  test("nothing where the price is 0, which is known", async () => {
    assert.deepEqual(await costAt({ ...local, price: { input: 0, output: 0 } }), { amount: 0, source: "config" });
  });
});

test("without usage, or with no price anywhere, the cost is unknown, not nothing", async () => {
  assert.equal(await costAt({ ...local, price }, { usage: undefined }), undefined);
  assert.equal(await costAt({ ...hosted }, { usage: undefined }), undefined);
  assert.equal(await costAt(local), undefined);
});

describe("what the provider reports", () => {
  const cost = { amount: 0.5, source: "provider" } as const;

  test("counts before the config's price and the list", async () => {
    assert.deepEqual(await costAt({ ...hosted, price }, { cost }), cost);
    assert.deepEqual(await costAt(hosted, { cost }), cost);
  });

  test("is not believed to be nothing where the config knows a price", async () => {
    const nothing = { amount: 0, source: "provider" } as const;
    assert.deepEqual(await costAt({ ...hosted, price }, { cost: nothing }), { amount: 1.64, source: "config" });
    assert.deepEqual(await costAt(hosted, { cost: nothing }), nothing);
  });

  test("is left alone, as lists are, where another currency is counted in", async () => {
    assert.deepEqual(await costAt({ ...hosted, price }, { cost, currency: "EUR" }), { amount: 1.64, source: "config" });
    assert.equal(await costAt(hosted, { cost, currency: "EUR" }), undefined);
  });
});

describe("by list", () => {
  test("a provider's model has its price, cached tokens at theirs", async () => {
    const cost = await costAt(hosted);
    assert.equal(cost?.source, "list");
    // 0.15 and 0.60 a million, cached half of the first: a price of 2024 that is kept for what is served under it.
    assert.ok(Math.abs((cost?.amount ?? 0) - (0.6 * 0.15 + 0.4 * 0.075 + 0.5 * 0.6)) < 1e-9, String(cost?.amount));
  });

  test("the model that was served counts, and the one asked for where that is not known", async () => {
    const dear = await costAt(hosted, { model: "gpt-4o-2024-08-06" });
    assert.ok((dear?.amount ?? 0) > 1);
    assert.deepEqual(await costAt(hosted, { model: "a-name-of-its-own" }), await costAt(hosted));
  });

  test("reasoning is counted once, as a part of the output", async () => {
    assert.deepEqual(await costAt(hosted, { usage: { ...usage, reasoningTokens: 450_000 } }), await costAt(hosted));
  });

  test("counts that contradict each other never fail the call", async () => {
    const odd = { inputTokens: 10, outputTokens: 1.5, cachedTokens: 20 };
    assert.equal((await costAt(hosted, { usage: odd }))?.source, "list");
    assert.equal(await costAt(hosted, { usage: { ...odd, inputTokens: Number.NaN } }), undefined);
  });

  const private_ = [
    "http://127.0.0.1:11434/v1",
    "http://localhost:8080/v1",
    "http://[::1]:8080/v1",
    "http://10.1.2.3/v1",
    "http://192.168.178.20:11434/v1",
    "https://llm.home.example/v1",
    "http://ollama.lan:11434/v1",
    "http://openai.lan/https://api.openai.com/v1",
  ];
  for (const url of private_)
    test(`a hosted model's name has no price at ${url}`, async () => {
      for (const model of [
        "gpt-4o-mini",
        "gpt-oss-120b",
        "claude-sonnet-4-5",
        "openai/gpt-4o-mini",
        "deepseek-chat",
        "llama-3.3-70b",
      ])
        assert.equal(await listPrice(url, [model], usage), undefined, model);
    });
});
