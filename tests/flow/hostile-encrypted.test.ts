/** What an allowed person's client encrypts need not be an event: it is passed over, and the next message is answered. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage();
});
after(() => on.stop());

const contents: readonly Record<string, unknown>[] = [
  {},
  { msgtype: 5, body: { toString: 1 } },
  { body: null, "m.relates_to": [] },
  { msgtype: "m.key.verification.request", from_device: 5, methods: "x", to: {} },
  { from_device: [], method: 1, "m.relates_to": { rel_type: "m.reference", event_id: 5 } },
];

for (const content of contents)
  for (const type of ["m.room.message", "m.reaction", "m.key.verification.start", "m.key.verification.mac"])
    test(`${type} of ${JSON.stringify(content)} keeps nobody from an answer`, async () => {
      const room = await on.room();
      await on.owner.sendEncrypted(room, type, content);
      await on.owner.say(room, "still there?");
      await on.answer(room, /still there/);
    });

test("none of it was told as a failure of reading", () => {
  const failures = on.stage.gateway.log().match(/could not be fetched or read/g) ?? [];
  assert.deepEqual(failures, []);
});
