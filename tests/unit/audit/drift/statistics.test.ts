import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, likeness, placesOf, sittingsOf } from "../../../../lib/audit/drift/sittings.ts";
import { chanceOf, leastSquares, midRank, normalQuantile } from "../../../../lib/audit/drift/statistics.ts";

const near = (actual: number, expected: number, within: number): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

test("quantiles of a normal are those of the tables", () => {
  for (const [p, z] of [
    [0.5, 0],
    [0.975, 1.959964],
    [0.001, -3.090232],
    [0.99999, 4.264891],
  ] as const)
    near(normalQuantile(p), z, 1e-6);
});

test("a value's rank counts those equal to it half", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 9].map((value) => midRank([1, 2, 2, 3], value)),
    [0, 0.5, 2, 3.5, 4],
  );
});

test("the chance of hits is the beta-binomial's, and its two sides meet", () => {
  // One run after one run that had it: by Jeffreys' prior (1 + 1/2) / (1 + 1).
  near(chanceOf(1, 1, { hits: 1, of: 1 }, true), 0.75, 1e-12);
  for (const x of [1, 4, 9]) {
    const baseline = { hits: 12, of: 300 };
    near(chanceOf(x, 30, baseline, true) + chanceOf(x - 1, 30, baseline, false), 1, 1e-9);
  }
  assert.ok(chanceOf(5, 20, { hits: 0, of: 300 }, true) < 1e-6);
});

test("least squares find the weights, and give 0 to a column that says nothing new", () => {
  const rows = [
    [1, 0, 0],
    [1, 1, 2],
    [1, 2, 4],
    [1, 5, 10],
  ];
  const [constant = 0, slope = 0, repeated = 0] = leastSquares(rows, [3, 5, 7, 13]);
  near(constant, 3, 1e-9);
  near(slope, 2, 1e-9);
  assert.equal(repeated, 0);
});

const at = (hour: number): Date => new Date(Date.UTC(2026, 10, 29, hour));

test("a conversation that rested for hours, or began anew, goes on as another sitting", () => {
  const run = (conversationId: string, hour: number) => ({ conversationId, startedAt: at(hour) });
  const runs = [run("a", 1), run("b", 2), run("a", 3), run("a", 9), run("a", 10)];
  assert.deepEqual(sittingsOf(runs, [0, 0, 1, 2, 3]), [1, 2, 1, 3, 3]);
  assert.deepEqual(sittingsOf(runs, [0, 0, 1, 2, 0]), [1, 2, 1, 3, 4]);
});

test("a history began anew where its input falls to about the least read, not where it is cut or a run read nothing", () => {
  const run = (conversationId: string, firstInputTokens: number | null) => ({ conversationId, firstInputTokens });
  const runs = [run("a", 1_000), run("a", 1_500), run("b", 1_010), run("a", null), run("a", 3_000), run("a", 2_800)];
  assert.deepEqual(placesOf([...runs, run("a", 1_040), run("b", 1_400)]), [0, 1, 0, 2, 3, 4, 0, 1]);
});

test("of failures within an hour of one before them only the first counts", () => {
  const runs = [1, 1.5, 2.2, 2.9, 5].map((hour) => ({ startedAt: new Date(at(0).getTime() + hour * 3_600_000) }));
  assert.deepEqual(apart([true, true, false, true, true], runs), [true, false, false, true, true]);
});

test("runs that differ by their sitting alone are wholly alike, and those of their own not at all", () => {
  assert.equal(likeness([1, 1, 5, 5, 9, 9], [1, 1, 2, 2, 3, 3]), 1);
  assert.equal(likeness([1, 9, 1, 9, 1, 9], [1, 1, 2, 2, 3, 3]), 0);
  assert.equal(likeness([1, 2, 3], [1, 2, 3]), 0);
});
