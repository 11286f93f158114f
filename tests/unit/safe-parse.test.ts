import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { prepareCall } from "../../lib/agent/tool-call.ts";
import { safeParse } from "../../lib/safe-parse.ts";
import { unconnectedTools } from "../../lib/tools/builtin.ts";

/** Their comparison with a number throws. */
const uncomparable: readonly object[] = [{ toString: 1 }, { valueOf: {}, toString: null }];
const schemas = { string: z.string().min(1), longest: z.string().max(5), list: z.array(z.string()).length(2) };

for (const [name, schema] of Object.entries(schemas))
  test(`what has a length that cannot be compared is refused: ${name}`, () => {
    for (const length of uncomparable) {
      assert.throws(() => schema.safeParse({ length }), TypeError, "zod mended it: lib/safe-parse.ts can go");
      const { success, error } = safeParse<z.ZodType>(schema, { length });
      assert.equal(success, false);
      assert.match(z.prettifyError(error), /has a length that is no number/);
    }
  });

test("everything else is as zod has it", () => {
  assert.deepEqual(safeParse(schemas.string, "a"), { success: true, data: "a" });
  assert.deepEqual(safeParse(schemas.string, "").error?.issues, schemas.string.safeParse("").error?.issues);
  const broken = z.string().refine(() => {
    throw new RangeError("not of the value");
  });
  assert.throws(() => safeParse(broken, "a"), RangeError);
});

test("a model's call with such an argument is an error for the model, of whatever tool", () => {
  const tools = unconnectedTools();
  let argumentsTried = 0;
  for (const tool of tools)
    for (const key of Object.keys(tool.input.shape)) {
      argumentsTried += 1;
      const call = { id: "c", name: tool.name, arguments: JSON.stringify({ [key]: { length: uncomparable[0] } }) };
      const prepared = prepareCall(tool, call, false);
      assert.ok("outcome" in prepared && prepared.outcome === "error", `${tool.name} ${key}`);
      assert.match(prepared.text, /^The arguments were refused; the call was not executed\./);
    }
  assert.ok(argumentsTried > 40);
});
