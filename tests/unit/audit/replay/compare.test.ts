import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, type Comparison } from "../../../../lib/audit/replay/compare.ts";
import { courseOf } from "../../../../lib/audit/replay/course.ts";
import type { Recording } from "../../../../lib/audit/replay/recording.ts";
import { renderComparison, renderSummary } from "../../../../lib/audit/replay/render.ts";
import { summarize } from "../../../../lib/audit/replay/summary.ts";
import { type MadeCall, journalOf } from "./support.ts";

function compared(before: readonly MadeCall[], after: readonly MadeCall[], texts = ["Yes.", "Yes."]): Comparison {
  const [then = "", now = ""] = texts;
  const recording = {
    ...{ run: { id: "run-then", agent: "ops" }, startedAt: new Date(0) },
    course: courseOf(journalOf(before, then, { cost: { amount: 0.5, source: "config" }, milliseconds: 1000 })),
  } as unknown as Recording;
  return compare(recording, {
    ...{ id: "run-now", backend: "other", marks: new Map(), notes: [] },
    course: courseOf(journalOf(after, now, { cost: { amount: 0.1, source: "config" }, milliseconds: 3000 })),
  });
}

const changes = ({ pairs }: Comparison): string[] =>
  pairs.map(({ change, recorded, replayed }) => `${change} ${recorded?.tool ?? "-"} ${replayed?.tool ?? "-"}`);

test("calls are the same whatever order their arguments are written in", () => {
  const { sameCalls, pairs } = compared(
    [{ name: "notes_read", args: '{"a":1,"b":[2]}' }],
    [{ name: "notes_read", args: '{ "b": [2], "a": 1 }' }],
  );
  assert.ok(sameCalls && pairs.every(({ decisionDiffers }) => !decisionDiffers));
});

test("calls are paired in order, like with like where that can be", () => {
  const one = { name: "notes_read", args: { n: 1 } };
  const two = { name: "notes_read", args: { n: 2 } };
  const time = { name: "time_now" };
  assert.deepEqual(changes(compared([one, two, time], [two, time])), [
    "gone notes_read -",
    "same notes_read notes_read",
    "same time_now time_now",
  ]);
  assert.deepEqual(changes(compared([one], [time, two])), ["new - time_now", "arguments notes_read notes_read"]);
});

test("a decision differs where the policy says something else, or would not simply allow a new call", () => {
  const differs = (before: readonly MadeCall[], after: readonly MadeCall[]): boolean[] =>
    compared(before, after).pairs.map(({ decisionDiffers }) => decisionDiffers);
  assert.deepEqual(differs([{ name: "time_now" }], [{ name: "time_now", decision: "deny" }]), [true]);
  assert.deepEqual(differs([{ name: "time_now", decision: "deny" }], [{ name: "time_now" }]), [true]);
  assert.deepEqual(differs([], [{ name: "time_now" }]), [false]);
  assert.deepEqual(differs([], [{ name: "time_now", decision: "ask" }]), [true]);
  assert.deepEqual(differs([{ name: "time_now" }], []), [false]);
});

test("both stand side by side on a wide terminal, one below the other on a narrow one, and nothing acts on either", () => {
  const comparison = compared(
    [{ name: "notes_read", args: { title: "a\u202eb" } }],
    [{ name: "notes_read", args: { title: "c" } }],
    ["The door is open \u001b[31m today.", "The door is shut \u001b[31m today."],
  );
  const wide = renderComparison(comparison, 120);
  const side = wide.find((line) => line.startsWith("  ~"));
  assert.match(
    side ?? "",
    /^ {2}~ notes_read \{"title":"a\\u202eb"\} \(allow\) +\| notes_read \{"title":"c"\} \(allow\)$/,
  );
  assert.ok(wide.every((line) => line.length <= 120 && !/[\u001b\u202e]/.test(line)));
  assert.ok(wide.includes("  The door is [-open-] {+shut+} \\u001b[31m today."));
  const narrow = renderComparison(comparison, 60);
  assert.ok(narrow.includes('  ~ then notes_read {"title":"a\\u202eb"} (allow)'));
  assert.ok(narrow.includes('    now  notes_read {"title":"c"} (allow)'));
});

test("many are summed up, what differs in decisions first", () => {
  const same = compared([{ name: "time_now" }], [{ name: "time_now" }]);
  const denied = compared([{ name: "time_now" }], [{ name: "time_now", decision: "deny" }]);
  const summary = summarize([same, denied], [{ run: "run-gone", reason: "its payloads were erased" }]);
  assert.deepEqual([summary.sameCalls, summary.decisionsDiffer, summary.before.cost], [2, ["run-then"], 2]);
  assert.equal(summary.after.medianMilliseconds, 6000);
  const lines = renderSummary(summary);
  assert.deepEqual(lines.slice(0, 4), [
    "2 replayed, 1 could not be",
    "  run-gone: its payloads were erased",
    "Decisions differ in 1 of 2: run-then",
    "The same calls in 2 of 2",
  ]);
  assert.deepEqual([summarize([], []).before.medianMilliseconds, summarize([], []).runs], [null, 0]);
});
