import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { delaysOf, freshSeeds, toldOf } from "../../../support/drift/evaluate.ts";
import { traffic } from "../../../support/drift/traffic.ts";

// `npm run bench -- --only drift` does the same with many more seeds.
describe("in clean traffic", () => {
  for (const shape of ["chat", "job"] as const)
    test(`of ${shape}s, with its rhythm, bursts and long tails, no more than one false alarm is told in 1,000 runs`, () => {
      const seeds = freshSeeds(4);
      const alarms = seeds.flatMap((seed) => toldOf(traffic({ seed, runs: 1_000, shape }), { every: 3 }));
      assert.ok(alarms.length <= seeds.length, JSON.stringify(alarms));
    });
});

describe("within 30 runs is told, in each of 10 traffics,", () => {
  for (const kind of ["new tool", "model behind the same name", "cost creep", "price creep"] as const)
    for (const shape of ["chat", "job"] as const)
      test(`${kind} in ${shape}s`, () => {
        const delays = delaysOf(kind, shape, freshSeeds(10), { every: 2 });
        assert.ok(
          delays.every((delay) => delay <= 30),
          JSON.stringify(delays),
        );
      });
});

// Of what is rare 30 runs show little: from 1 % to 15 % there are four or five cases, and by chance fewer.
describe("within 30 runs is told, of 10 traffics,", () => {
  for (const [kind, least] of [
    ["tool mix", 10],
    ["refusals", 6],
    ["errors", 3],
    ["denials", 3],
  ] as const)
    test(`${kind} in jobs, in ${least}`, () => {
      const delays = delaysOf(kind, "job", freshSeeds(10), { every: 3 });
      assert.ok(delays.filter((delay) => delay <= 30).length >= least, JSON.stringify(delays));
    });
});
