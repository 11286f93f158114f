import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toldOf } from "../../../support/drift/evaluate.ts";
import { type Fault, traffic, type TrafficOptions } from "../../../support/drift/traffic.ts";

const seeds = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const clean = 1_000;
const from = 400;

/** After how many runs of the fault it was told, seed by seed, the slowest last; Infinity where it was not within 80. */
function delays(kind: Fault, shape: TrafficOptions["shape"], count: number): number[] {
  const found = seeds(count).map((seed) => {
    const [told] = toldOf(traffic({ seed: 1_000 + seed, runs: from + 80, shape, fault: { kind, from } }), from, 1);
    return told ? told.run - from : Number.POSITIVE_INFINITY;
  });
  return found.toSorted((a, b) => a - b);
}

/** How many of 10 are told within 30 runs. */
const inTime = (all: readonly number[]): number => (10 * all.filter((delay) => delay <= 30).length) / all.length;

describe("in clean traffic", () => {
  for (const shape of ["chat", "job"] as const)
    test(`of ${shape}s, with its rhythm, bursts and long tails, no more than one false alarm is told in 1,000 runs`, () => {
      const told = seeds(10).map((seed) => toldOf(traffic({ seed, runs: clean, shape })));
      const alarms = told.flat();
      assert.ok(alarms.length <= 10, JSON.stringify(alarms));
    });
});

describe("within 30 runs is told", () => {
  for (const [kind, shape, least] of [
    ["new tool", "chat", 10],
    ["new tool", "job", 10],
    ["model behind the same name", "chat", 10],
    ["model behind the same name", "job", 10],
    ["cost creep", "job", 10],
    ["cost creep", "chat", 8],
    ["tool mix", "job", 10],
    ["refusals", "job", 7],
    ["errors", "job", 6],
    ["denials", "job", 6],
  ] as const)
    test(`${kind} in ${shape}s`, () => {
      const all = delays(kind, shape, 10);
      assert.ok(inTime(all) >= least, JSON.stringify(all));
    });
});
