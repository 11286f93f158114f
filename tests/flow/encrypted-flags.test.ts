import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixAgent } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({ flags: true, owner: { rotateEvery: 1 } });
});
after(() => on.stop());

test("with the homeserver's flags on, messages are answered as without", async () => {
  const room = await on.room();
  for (const text of ["one", "two"]) {
    await on.owner.say(room, text);
    await on.answer(room, `You said: ${text}`);
  }
  assert.equal(on.homeserver.failedPushes, 0);
});

test("a key that comes late wakes the agent by its push alone, and is fetched from the device's inbox", async () => {
  const room = await on.room();
  const late = await on.owner.say(room, "late", { withholdKeys: true });
  await until(
    () => on.inbox(late),
    ([row]) => row?.reason === "no key",
  );
  await on.owner.deliverKeys();
  await on.answer(room, "You said: late");
  await until(async () => on.homeserver.toDevice(matrixAgent).length <= 1);
});

test("a push of keys that is lost loses nothing: the next pull brings them", async () => {
  const room = await on.room();
  on.homeserver.connect(undefined);
  const said = on.owner.say(room, "said while it was down");
  await until(async () => on.homeserver.toDevice(matrixAgent).length > 0);
  on.homeserver.connect(on.stage.gateway.publicUrl);
  await said;
  await on.answer(room, "You said: said while it was down");
});
