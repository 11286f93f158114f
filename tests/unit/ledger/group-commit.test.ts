import assert from "node:assert/strict";
import { test } from "node:test";
import { GroupCommit } from "../../../lib/ledger/group-commit.ts";

/** A commit that is released by hand, and what each batch held. */
function byHand() {
  const batches: number[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const group = new GroupCommit<number, number>(4, async (items) => {
    batches.push([...items]);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return items.map((item) => item * 10);
  });
  return { group, batches, gates };
}

test("a lone item goes at once, and what comes meanwhile shares the next commits, none larger than the limit", async () => {
  const { group, batches, gates } = byHand();
  const all = [group.add([1]), ...[2, 3, 4, 5, 6].map((item) => group.add([item]))];
  assert.deepEqual(batches, [[1]]);
  for (let index = 0; index < 3; index++) {
    gates[index]?.resolve();
    await new Promise(setImmediate);
  }
  assert.deepEqual(batches, [[1], [2, 3, 4, 5], [6]]);
  assert.deepEqual((await Promise.all(all))[5], [60]);
});

test("items of one caller stay together, also where they are more than the limit", async () => {
  const { group, batches, gates } = byHand();
  const added = group.add([1, 2, 3, 4, 5, 6]);
  gates[0]?.resolve();
  assert.equal((await added).length, 6);
  assert.equal(batches.length, 1);
});

const refused = Object.assign(new Error("refused"), { code: "22P02" });
const lost = Object.assign(new Error("lost"), { code: "CONNECTION_CLOSED" });

test("one caller's bad item fails that caller alone", async () => {
  const group = new GroupCommit<number, number>(10, async (items) => {
    await new Promise(setImmediate);
    if (items.includes(13)) throw refused;
    return [...items];
  });
  const outcomes = await Promise.allSettled([1, 2, 13, 4].map((item) => group.add([item])));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected", "fulfilled"],
  );
});

test("a lost connection fails the batch at once, and the next one is tried", async () => {
  let attempts = 0;
  const group = new GroupCommit<number, number>(10, async (items) => {
    await new Promise(setImmediate);
    attempts += 1;
    if (attempts === 2) throw lost;
    return [...items];
  });
  const outcomes = await Promise.allSettled([1, 2, 3].map((item) => group.add([item])));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "rejected"],
  );
  assert.equal(attempts, 2);
  assert.deepEqual(await group.add([4]), [4]);
});
