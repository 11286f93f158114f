import assert from "node:assert/strict";
import { test } from "node:test";
import { saidBy } from "../../../../lib/matrix/crypto/read.ts";
import { isVerification } from "../../../../lib/matrix/decode.ts";
import fc from "../../../support/property.ts";
import { mutated } from "../../../support/mutate.ts";

test("whatever was encrypted has a type and a content, so that one event keeps nobody from reading the others", () => {
  const content = { msgtype: "m.text", body: "hi" };
  const sample = { type: "m.room.message", room_id: "!r:home.example", content };
  assert.deepEqual(saidBy(JSON.stringify(sample)), { type: "m.room.message", content });
  fc.assert(
    fc.property(mutated([sample]), (payload) => {
      // An object it is: the library reads it as one.
      if (typeof payload !== "object" || payload === null) return;
      const said = saidBy(JSON.stringify(payload));
      assert.equal(typeof isVerification(said), "boolean");
      assert.ok(typeof said.content["msgtype"] !== "function");
    }),
    { numRuns: 2_000 },
  );
});
