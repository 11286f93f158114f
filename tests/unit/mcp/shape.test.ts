import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lineDiff } from "../../../lib/line-diff.ts";
import { offerOf, type Shape, shapeHash } from "../../../lib/mcp/shape.ts";
import { cleanText } from "../../../lib/mcp/text.ts";

const shape = (inputSchema: object, description = "Does it."): Shape => ({
  name: "it",
  description,
  inputSchema: { type: "object", ...inputSchema },
});

describe("the hash of a shape", () => {
  const base = shape({ properties: { a: { type: "string" } } });
  test("is the same whatever the order of keys", () => {
    const turned = { inputSchema: { properties: { a: { type: "string" } }, type: "object" }, description: "Does it." };
    assert.equal(shapeHash({ ...turned, name: "it" }), shapeHash(base));
  });
  test("is another for another name, description or schema", () => {
    const others = [
      { ...base, name: "its" },
      { ...base, description: "Does it. " },
      shape({ properties: { a: { type: "number" } } }),
      shape({ properties: { a: { type: "string", description: "new" } } }),
    ];
    assert.equal(new Set([base, ...others].map(shapeHash)).size, 5);
  });
});

describe("what a model is offered", () => {
  test("holds no character that nobody sees, and no description without end", () => {
    const tag = String.fromCodePoint(0xe0049);
    const sly = `Reads.\u202e\u200b\u0007\u001b[2J${tag} \u{fe0f}Done.\n`;
    const offer = offerOf(shape({ properties: { a: { type: "string", description: sly } } }, sly + "y".repeat(9_000)));
    assert.match(offer.description, /^Reads\.\[2J Done\.\ny+ \[cut\]$/);
    assert.ok(offer.description.length < 1_100);
    assert.deepEqual(offer.parameters["properties"], { a: { type: "string", description: "Reads.[2J Done.\n" } });
  });

  test("is the pinned schema, with arguments checked by it and passed on as they are", () => {
    const schema = {
      properties: {
        path: { type: "string", minLength: 1 },
        mode: { enum: ["r", "w"], default: "r" },
        at: { $ref: "#/$defs/point" },
      },
      required: ["path"],
      additionalProperties: false,
      $defs: { point: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] } },
    };
    const { input, parameters } = offerOf(shape({ ...schema, $schema: "http://json-schema.org/draft-07/schema#" }));
    assert.deepEqual(parameters, { type: "object", ...schema });
    assert.deepEqual(input.parse({ path: "a" }), { path: "a" });
    assert.ok(input.safeParse({ path: "a", mode: "w", at: { x: 1 } }).success);
    for (const bad of [
      {},
      { path: "" },
      { path: 1 },
      { path: "a", mode: "x" },
      { path: "a", at: {} },
      { path: "a", z: 1 },
    ])
      assert.ok(!input.safeParse(bad).success, JSON.stringify(bad));
    const sly = JSON.parse('{"path":"a","__proto__":{"mode":"w"}}') as object;
    assert.ok(!Object.hasOwn(input.safeParse(sly).data ?? {}, "__proto__"));
  });

  test("checks no regular expression of the server's here, and shows it all the same", () => {
    const evil = { properties: { a: { type: "string", pattern: "^(a+)+$" }, pattern: { type: "string" } } };
    const { input, parameters } = offerOf(shape(evil));
    assert.ok(input.safeParse({ a: `${"a".repeat(60)}!` }).success);
    assert.ok(!input.safeParse({ pattern: 1 }).success);
    assert.deepEqual(parameters["properties"], evil.properties);
  });

  const loop = { properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { $ref: "#/$defs/a" } } };
  test("is refused or refuses its arguments, and throws nothing, where a schema refers to itself without end", () => {
    let input;
    try {
      ({ input } = offerOf(shape(loop)));
    } catch (thrown) {
      return assert.match(String(thrown), /cannot be checked/);
    }
    assert.ok(!input.safeParse({ a: 1 }).success);
  });

  const unusable: [string, object, RegExp][] = [
    ["is no object's", { type: "array" }, /not that of an object/],
    ["is enormous", { description: "x".repeat(20_000) }, /16384 at most/],
    [
      "is nested by thousands",
      { x: JSON.parse(`${"[".repeat(5_000)}${"]".repeat(5_000)}`) as object },
      /nested more than 100/,
    ],
    ["refers elsewhere", { properties: { a: { $ref: "https://evil.example/s" } } }, /cannot be checked/],
    ["uses what is not supported", { if: {}, then: {} }, /cannot be checked/],
    ["has names by pattern", { patternProperties: { "^(a+)+$": {} } }, /patternProperties/],
    ["hides characters in a value", { properties: { a: { enum: ["x\u202e"] } } }, /nobody sees/],
    ["hides characters in a name", { properties: { "a\u200b": {} } }, /nobody sees/],
    ["names a prototype", { properties: JSON.parse('{"__proto__":{}}') as object }, /__proto__/],
  ];
  for (const [what, schema, why] of unusable)
    test(`is nothing where the schema ${what}`, () => assert.throws(() => offerOf(shape(schema)), why));
});

test("text is cut visibly", () => {
  assert.equal(cleanText("abcdef", 3), "abc [cut]");
});

test("a diff shows what went, what came and what stayed", () => {
  assert.deepEqual(lineDiff(["a", "b", "c"], ["a", "x", "c", "d"]), ["  a", "- b", "+ x", "  c", "+ d"]);
  assert.equal(lineDiff(Array<string>(3_000).fill("a"), Array<string>(3_000).fill("a")).length, 6_000);
});
