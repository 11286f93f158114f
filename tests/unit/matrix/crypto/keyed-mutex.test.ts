import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedMutex } from "../../../../lib/matrix/crypto/keyed-mutex.ts";

test("work of one name is done one after the other, in order, past a failure", async () => {
  const mutex = new KeyedMutex();
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const first = mutex.run("a", async () => {
    log.push("first begins");
    await gate.promise;
    log.push("first ends");
    throw new Error("broken");
  });
  const second = mutex.run("a", async () => void log.push("second"));
  const third = mutex.run("a", async () => "third");
  await mutex.run("b", async () => void log.push("other name"));
  assert.deepEqual(log, ["first begins", "other name"]);
  gate.resolve();
  await assert.rejects(first, /broken/);
  await second;
  assert.equal(await third, "third");
  assert.deepEqual(log, ["first begins", "other name", "first ends", "second"]);
});
