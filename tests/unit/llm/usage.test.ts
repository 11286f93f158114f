import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import { reportedCost, toUsage } from "../../../lib/llm/usage.ts";

const counts = (fields: Partial<Record<"input" | "output" | "total" | "cached" | "reasoning", unknown>>) => ({
  input: undefined,
  output: undefined,
  total: undefined,
  cached: undefined,
  reasoning: undefined,
  ...fields,
});

describe("usage", () => {
  test("has reasoning as a part of the output, where OpenAI counts it", () => {
    assert.deepEqual(toUsage(counts({ input: 100, output: 50, total: 150, cached: 20, reasoning: 40 })), {
      inputTokens: 100,
      outputTokens: 50,
      cachedTokens: 20,
      reasoningTokens: 40,
    });
  });

  const beside: [string, Parameters<typeof counts>[0]][] = [
    ["is more than the output", { input: 100, output: 10, reasoning: 40 }],
    ["makes up what the total has besides", { input: 100, output: 50, total: 190, reasoning: 40 }],
    ["is only to be seen in the total", { input: 100, output: 50, total: 190 }],
  ];
  for (const [what, fields] of beside)
    test(`has reasoning added to the output where it ${what}`, () => {
      const usage = toUsage(counts(fields));
      assert.equal(usage?.reasoningTokens, 40);
      assert.equal(usage.outputTokens, Number(fields.output) + 40);
    });

  test("has no cached input taken for reasoning that a total counts besides", () => {
    assert.deepEqual(toUsage(counts({ input: 100, output: 50, total: 950, cached: 800 })), {
      inputTokens: 100,
      outputTokens: 50,
      cachedTokens: 800,
    });
  });

  test("is unknown without both counts, whatever else a server sends", () => {
    const anything = fc.oneof(fc.anything(), fc.integer({ min: 0, max: 1e6 }));
    const given = fc.record({
      input: anything,
      output: anything,
      total: anything,
      cached: anything,
      reasoning: anything,
    });
    fc.assert(
      fc.property(given, (wire) => {
        const usage = toUsage(wire);
        const isCount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 1e9;
        assert.equal(usage !== undefined, isCount(wire.input) && isCount(wire.output));
        if (!usage) return;
        // Half a token is billed as one, and the journal's columns take whole ones alone.
        assert.equal(usage.inputTokens, Math.ceil(Number(wire.input)));
        for (const count of Object.values(usage)) assert.ok(count === undefined || Number.isSafeInteger(count));
        // Never twice: what was reported, and the reasoning at most once.
        const { outputTokens, reasoningTokens = 0 } = usage;
        assert.ok([0, reasoningTokens].includes(outputTokens - Math.ceil(Number(wire.output))));
        assert.ok(reasoningTokens <= outputTokens);
      }),
    );
  });
});

describe("the cost that a provider reports", () => {
  test("is a number of dollars", () => {
    assert.deepEqual(reportedCost({ cost: 0.00014 }), { amount: 0.00014, source: "provider" });
    assert.deepEqual(reportedCost({ cost: 0 }), { amount: 0, source: "provider" });
  });

  test("may be a total among its parts", () => {
    const cost = { input_tokens_cost: 0.001, output_tokens_cost: 0.002, total_cost: 0.008 };
    assert.deepEqual(reportedCost({ cost }), { amount: 0.008, source: "provider" });
  });

  test("has with it what the model's own host bills where the key is the operator's", () => {
    const details = { cost_details: { upstream_inference_cost: 0.02 } };
    assert.equal(reportedCost({ cost: 0.001, is_byok: true, ...details })?.amount, 0.021);
    assert.equal(reportedCost({ cost: 0.021, is_byok: false, ...details })?.amount, 0.021);
  });

  test("is unknown where it is anything else", () => {
    for (const cost of [undefined, null, "0.1", -1, Number.NaN, Infinity, 1e200, {}, [], { total_cost: null }])
      assert.equal(reportedCost({ cost }), undefined);
    assert.equal(reportedCost(undefined), undefined);
  });
});
