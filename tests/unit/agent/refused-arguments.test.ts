import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareCall } from "../../../lib/agent/tool-call.ts";
import { call, countingTools } from "./support.ts";

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
