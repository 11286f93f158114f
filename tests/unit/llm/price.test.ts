import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { costOf } from "../../../lib/llm/price.ts";
import { backendOf } from "./support.ts";

describe("the cost of a call", () => {
  const priced = (price: { input: number; cached?: number; output: number }) =>
    backendOf("main", { base_url: "http://127.0.0.1:1", price });
  const usage = { inputTokens: 1_000_000, outputTokens: 500_000, cachedTokens: 400_000 };

  test("counts cached tokens as part of the input, at their own price", () => {
    assert.equal(costOf(priced({ input: 1, cached: 0.1, output: 2 }), usage), 1.64);
  });

  test("counts cached tokens as input where they have no price or are not reported", () => {
    assert.equal(costOf(priced({ input: 1, output: 2 }), usage), 2);
    assert.equal(costOf(priced({ input: 1, cached: 0.1, output: 2 }), { ...usage, cachedTokens: undefined }), 2);
  });

  test("is unknown, not nothing, without usage or price", () => {
    assert.equal(costOf(priced({ input: 1, output: 2 }), undefined), undefined);
    assert.equal(costOf(backendOf("main", { base_url: "http://127.0.0.1:1" }), usage), undefined);
  });
});
