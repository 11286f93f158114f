import assert from "node:assert/strict";
import { test } from "node:test";
import { granted } from "../../support/granted.ts";
import { z } from "zod";
import { executeCall } from "../../../lib/agent/tool-call.ts";
import { defineTool, type Effect, type Tool, type ToolContext } from "../../../lib/tools/define.ts";
import { answer, call, countingTools, play } from "./support.ts";

test("a provider that does not count its tokens does not escape the token limit", async () => {
  const tools = countingTools({ count_up: "idempotent" });
  let step = 0;
  const script = () =>
    answer({
      text: "x".repeat(4000),
      toolCalls: [call(`c${++step}`, "count_up")],
      usage: undefined,
      finishReason: "tool_calls",
    });
  await assert.rejects(play({ script, tools, limits: { steps: 50, tokens: 5_000 } }), /used \d+ tokens of its 5000/);
  assert.ok(step > 1 && step < 6, `${step} steps`);
});

const hanging = (effect: Effect): Tool =>
  defineTool({
    name: "hang_on",
    description: "hangs",
    input: z.strictObject({}),
    labels: ["act"],
    effect,
    timeoutMs: 5,
    outputLimit: 100,
    run: () => new Promise<string>(() => {}),
  });

const context = { signal: new AbortController().signal } as ToolContext;

test("a tool that changes something and takes too long may have done it: the model must not repeat it", async () => {
  for (const effect of ["keyed", "unsafe"] as const) {
    const result = await executeCall(granted(hanging(effect), {}), context);
    assert.equal(result.outcome, "unknown");
    assert.match(result.text, /Do not repeat it/);
  }
});

test("a tool that only reads and takes too long has failed", async () => {
  const result = await executeCall(granted(hanging("idempotent"), {}), context);
  assert.deepEqual(result, { outcome: "error", text: "hang_on took longer than 0.005 s and was given up." });
});
