import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decode, encode } from "../../../../lib/matrix/crypto/codec.ts";
import { ClawError } from "../../../../lib/errors.ts";

/** What is in the databases of running gateways: this text must mean this value for ever. */
const vectors: readonly (readonly [text: string, value: unknown])[] = [
  ["null", null],
  ["true", true],
  ["-1.5", -1.5],
  ['"ä\\n\\u0000"', "ä\n\0"],
  ['{"$undefined":true}', undefined],
  ['{"$bytes":""}', new Uint8Array()],
  ['{"$bytes":"AAEC/w=="}', new Uint8Array([0, 1, 2, 255])],
  ['[1,[{"$undefined":true},{"$bytes":"/w=="}]]', [1, [undefined, new Uint8Array([255])]]],
  ['{"a":{"b":[]},"":0}', { a: { b: [] }, "": 0 }],
];

describe("the codec of the crypto store", () => {
  for (const [text, value] of vectors)
    test(`writes and reads ${text.slice(0, 30)}`, () => {
      assert.equal(encode(value), text);
      assert.deepEqual(decode(text), value);
    });

  test("gives bytes back as a Uint8Array of their own, whatever view they were", () => {
    const view = new Uint8Array(new ArrayBuffer(8), 2, 3).fill(7);
    const back = decode(encode({ view }));
    assert.deepEqual(back, { view: new Uint8Array([7, 7, 7]) });
    assert.ok(!Buffer.isBuffer((back as { view: unknown }).view));
  });

  test("keeps a key of the name __proto__ as a key", () => {
    const back = decode(encode(JSON.parse('{"__proto__":1}'))) as object;
    assert.deepEqual(Object.keys(back), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(back), Object.prototype);
  });

  const refused: readonly (readonly [name: string, value: unknown])[] = [
    ["a date", new Date(0)],
    ["a map", new Map()],
    ["a buffer of an array", new ArrayBuffer(1)],
    ["another typed array", new Uint16Array(1)],
    ["a big integer", 1n],
    ["no number", Number.NaN],
    ["minus zero", -0],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["a key that looks like a tag", { $bytes: "x" }],
    ["an object without a prototype", Object.create(null)],
  ];
  for (const [name, value] of refused)
    test(`refuses ${name} rather than change it`, () => {
      assert.throws(() => encode({ deep: [value] }), ClawError);
    });
});
