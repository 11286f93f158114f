import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { unconnectedTools } from "../../../lib/tools/builtin.ts";
import { defineTool, type ToolDefinition } from "../../../lib/tools/define.ts";
import { ToolRegistry } from "../../../lib/tools/registry.ts";

const whole: ToolDefinition = {
  name: "test_tool",
  description: "does it",
  input: z.strictObject({}),
  labels: ["act"],
  effect: "unsafe",
  timeoutMs: 1000,
  outputLimit: 100,
  run: async () => "done",
};

const broken: [string, object, RegExp][] = [
  ["labels", { labels: undefined }, /needs labels/],
  ["a known label", { labels: ["harmless"] }, /label "harmless"/],
  ["an effect", { effect: undefined }, /effect must be one of/],
  ["a known effect", { effect: "constructor" }, /effect must be one of/],
  ["a timeout", { timeoutMs: undefined }, /timeoutMs/],
  ["a timeout above 0", { timeoutMs: 0 }, /timeoutMs/],
  ["an output limit", { outputLimit: undefined }, /outputLimit/],
  ["a description", { description: "" }, /description/],
  ["a name of the form family_verb", { name: "Tool" }, /family_verb/],
  ["the label act or egress where it changes something", { labels: ["private"] }, /needs the label act or egress/],
];
for (const [what, change, told] of broken)
  test(`a tool without ${what} is refused`, () => {
    assert.throws(() => defineTool({ ...whole, ...change }), { code: "config_invalid", message: told });
  });

test("two tools of one name are refused", () => {
  assert.throws(() => new ToolRegistry([defineTool(whole), defineTool(whole)]), /two tools are named "test_tool"/);
});

test("names that every object has are no tools", () => {
  const tool = defineTool(whole);
  const registry = new ToolRegistry([tool]);
  for (const name of ["constructor", "__proto__", "toString", "valueOf"]) assert.equal(registry.get(name), undefined);
  assert.equal(registry.get("test_tool"), tool);
});

test("the built-in tools' schemas refuse unknown arguments, and all of them are small", () => {
  const registry = new ToolRegistry(unconnectedTools());
  const specs = registry.specs(new Set(registry.names()));
  for (const { parameters } of specs) assert.equal(parameters["additionalProperties"], false);
  assert.ok(JSON.stringify(specs).length < 9700);
});
