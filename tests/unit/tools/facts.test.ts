import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { builtinToolFacts } from "../../../lib/tools/builtin.ts";
import { argumentPaths } from "../../../lib/tools/facts.ts";

const pathsOf = (schema: z.ZodType): string[] => argumentPaths(z.toJSONSchema(schema, { io: "input" })).sort();

test("the arguments of a schema are its dotted paths, through lists and alternatives", () => {
  const schema = z.strictObject({
    url: z.string().optional(),
    to: z.array(z.strictObject({ id: z.int() })),
    either: z.union([z.string(), z.strictObject({ a: z.literal("x") })]),
  });
  assert.deepEqual(pathsOf(schema), ["either", "either.a", "to", "to.id", "url"]);
});

test("where anything may stand, any path may be ruled", () => {
  assert.deepEqual(pathsOf(z.strictObject({ any: z.unknown(), map: z.record(z.string(), z.string()) })), [
    "any",
    "any.*",
    "map",
    "map.*",
  ]);
  assert.deepEqual(pathsOf(z.looseObject({ a: z.string() })), ["*", "a"]);
  assert.deepEqual(argumentPaths({}), ["*"]);
});

test("every built-in tool has labels and known arguments", () => {
  const facts = builtinToolFacts();
  assert.ok(facts.length >= 6);
  for (const { name, labels, arguments: known } of facts) assert.ok(Array.isArray(labels) && known, name);
  assert.deepEqual(facts.find(({ name }) => name === "commitments_add")?.arguments, ["text", "due"]);
});
