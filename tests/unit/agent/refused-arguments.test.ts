import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareCall } from "../../../lib/agent/tool-call.ts";
import { z } from "zod";
import { ClawError } from "../../../lib/errors.ts";
import { defineTool } from "../../../lib/tools/define.ts";
import { ToolRegistry } from "../../../lib/tools/registry.ts";
import { answer, call, countingTools, play } from "./support.ts";

test("a refusal of arguments with very many keys that nobody knows is not longer than a model can use", () => {
  const tool = countingTools({ probe_it: "idempotent" }).registry.get("probe_it");
  assert.ok(tool);
  const args = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`key${n}`, n]));
  const refused = prepareCall(tool, call("1", "probe_it", args), false);
  assert.ok("text" in refused);
  assert.match(refused.text, /Unrecognized keys: "key0", "key1"/);
  assert.match(refused.text, /\[cut: \d+ of \d+ characters left out\]$/);
  assert.ok(refused.text.length < 2_200, String(refused.text.length));
});

test("a failure that quotes very much is not longer than a model can use", async () => {
  const tools = countingTools({ probe_it: "idempotent" });
  const tool = defineTool({
    ...{ name: "probe_that", description: "fails", input: z.strictObject({}), labels: ["act"], effect: "idempotent" },
    ...{ timeoutMs: 1_000, outputLimit: 100 },
    run: () => Promise.reject(new ClawError("bad_request", "x".repeat(1_000_000))),
  });
  const { journal } = await play({
    tools: { ...tools, registry: new ToolRegistry([tool]) },
    script: (shown) =>
      shown.some(({ role }) => role === "tool")
        ? answer({ text: "Done." })
        : answer({ toolCalls: [call("1", "probe_that")] }),
  });
  const finished = journal.find(({ event }) => event.type === "tool.finished");
  assert.ok(finished?.event.type === "tool.finished" && finished.event.outcome === "error");
  assert.match(finished.event.result, /^x{2000}\n\[cut: /);
});
