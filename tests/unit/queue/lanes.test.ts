import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Lanes } from "../../../lib/queue/lanes.ts";

test("no wake-up is lost, and no lane is worked on twice at once, however many wake it", async () => {
  const lanes = ["a", "b", "c", "d", "e"];
  const open = new Map(lanes.map((lane) => [lane, 0]));
  const working = new Set<string>();
  let [most, done] = [0, 0];
  const finished = Promise.withResolvers<void>();
  const total = 5000;
  const subject = new Lanes(3, {
    async pass(lane) {
      assert.ok(!working.has(lane), "two at once");
      working.add(lane);
      most = Math.max(most, working.size);
      while ((open.get(lane) ?? 0) > 0) {
        done += open.get(lane) ?? 0;
        open.set(lane, 0);
        await turn();
      }
      // Between the last look and the end is where a wake-up could be lost.
      await turn();
      working.delete(lane);
      if (done === total) finished.resolve();
      return "drained";
    },
    failed: (_, thrown) => finished.reject(thrown),
  });
  for (let count = 0; count < total; count++) {
    const lane = lanes[(count * 7919) % lanes.length] ?? "a";
    open.set(lane, (open.get(lane) ?? 0) + 1);
    subject.wake(lane);
    if (count % 3 === 0) await turn();
  }
  await finished.promise;
  assert.equal(most, 3);
  await subject.stop(1000);
});

test("a lane that failed is tried again by itself, and the others go on", async () => {
  const passed: string[] = [];
  const again = Promise.withResolvers<void>();
  let failures = 0;
  const subject = new Lanes(2, {
    async pass(lane) {
      if (lane === "bad" && failures === 0) throw new Error("broken");
      passed.push(lane);
      if (lane === "bad") again.resolve();
      return "drained";
    },
    failed: () => (failures += 1),
  });
  subject.wake("bad");
  subject.wake("good");
  // The retry's timer keeps no process alive.
  const alive = setTimeout(() => {}, 10_000);
  await again.promise;
  clearTimeout(alive);
  assert.deepEqual([passed, failures], [["good", "bad"], 1]);
  await subject.stop(1000);
});

test("a stop waits for what is under way, and interrupts it after the grace", async () => {
  const begun = Promise.withResolvers<void>();
  const subject = new Lanes(1, {
    async pass(_, signal) {
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return "drained";
    },
    failed: () => assert.fail(),
  });
  subject.wake("a");
  subject.wake("b");
  await begun.promise;
  await subject.stop(20);
});

test("a lane whose next may only begin later keeps no worker, and is looked at again by itself", async () => {
  const passed: string[] = [];
  const again = Promise.withResolvers<void>();
  const subject = new Lanes(1, {
    async pass(lane) {
      passed.push(lane);
      if (lane === "full" && passed.length === 1) return "later";
      if (lane === "full") again.resolve();
      return "drained";
    },
    failed: (_, thrown) => again.reject(thrown),
  });
  subject.wake("full");
  await turn();
  subject.nudge("full");
  subject.wake("other");
  await turn();
  assert.deepEqual(passed, ["full", "other"], "recovery's nudge does not end the rest");
  const alive = setTimeout(() => {}, 10_000);
  await again.promise;
  clearTimeout(alive);
  assert.deepEqual(passed, ["full", "other", "full"]);
  await subject.stop(1000);
});
