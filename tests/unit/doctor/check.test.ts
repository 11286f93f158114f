import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClawError } from "../../../lib/errors.ts";
import { type Check, fail, ok, runChecks, shared, skipped, warn } from "../../../lib/doctor/check.ts";
import { renderResults } from "../../../lib/doctor/render.ts";

describe("the doctor's checks", () => {
  test("are looked at side by side and told in their order", async () => {
    const begun = {
      a: Promise.withResolvers<void>(),
      b: Promise.withResolvers<void>(),
      c: Promise.withResolvers<void>(),
    };
    const after = (name: keyof typeof begun, other: keyof typeof begun): Check => ({
      name,
      look: async () => {
        begun[name].resolve();
        await begun[other].promise;
        return ok(`after ${other}`);
      },
    });
    // One after the other, the first would wait in vain.
    assert.deepEqual(await runChecks([after("a", "c"), after("b", "a"), after("c", "b")]), [
      { name: "a", ...ok("after c") },
      { name: "b", ...ok("after a") },
      { name: "c", ...ok("after b") },
    ]);
  });

  test("one that throws fails with its words, ours parted into what is wrong and how to mend it", async () => {
    const found = await runChecks([
      { name: "a", look: () => Promise.reject(new ClawError("environment", "it is shut: open it; then go in")) },
      { name: "b", look: () => Promise.reject(new Error("odd\nthing")) },
      { name: "c", look: async () => [ok("one"), warn("two", "look")] },
    ]);
    assert.deepEqual(found.slice(0, 2), [
      { name: "a", state: "fail", saw: "it is shut", remedy: "open it; then go in" },
      {
        name: "b",
        state: "fail",
        saw: "odd thing",
        remedy: "this is not foreseen: look again, and report it if it stays",
      },
    ]);
    assert.deepEqual(
      found.slice(2).map(({ saw }) => saw),
      ["one", "two"],
    );
  });

  test("one that takes too long is ended, and does not hold up the others", async () => {
    let ended = false;
    const [found] = await runChecks([
      {
        name: "a",
        seconds: 0.05,
        look: (signal) => new Promise(() => signal.addEventListener("abort", () => (ended = true))),
      },
    ]);
    assert.deepEqual(found, {
      name: "a",
      state: "fail",
      saw: "no answer within 0.05 s",
      remedy: "see whether what it asks is well, and the way there",
    });
    assert.ok(ended);
  });

  test("what several rest on is asked once; its failure is one check's, and the others are skipped", async () => {
    let asked = 0;
    const ground = shared<string>("the ground is not there", async () => {
      asked += 1;
      throw new ClawError("environment", "no ground: lay it");
    });
    const lean: Check["look"] = async (signal) => ok(await ground.lean(signal));
    const found = await runChecks([
      { name: "b", look: lean },
      { name: "a", look: async (signal) => ok(await ground.own(signal)) },
      { name: "c", look: lean },
    ]);
    assert.equal(asked, 1);
    assert.deepEqual(
      found.map(({ state, saw }) => `${state}: ${saw}`),
      ["skipped: the ground is not there", "fail: no ground", "skipped: the ground is not there"],
    );
  });

  test("are printed by area, with what is to be done last, and coloured on a terminal alone", () => {
    const results = [
      { name: "config", ...ok("two agents") },
      { name: "config.hints", ...warn("a hint", "mind it") },
      { name: "database", ...fail("it does not answer\u001b[31m", "start it") },
      { name: "clock", ...skipped("not seen") },
    ];
    assert.deepEqual(renderResults(results, false), [
      "ok    config        two agents",
      "warn  config.hints  a hint",
      "                    -> mind it",
      "",
      "fail  database      it does not answer [31m",
      "                    -> start it",
      "",
      "-     clock         not seen",
      "",
      "1 to mend: database",
      "1 to look at: config.hints",
      "1 ok, 1 could not be looked at (-).",
    ]);
    assert.match(renderResults(results, true).join("\n"), /\x1b\[31mfail\x1b\[0m {2}database/);
    assert.deepEqual(renderResults([{ name: "config", ...ok("all") }], false).at(-1), "Nothing to mend: 1 ok.");
  });
});
