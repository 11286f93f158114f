import assert from "node:assert/strict";
import { test } from "node:test";
import { courseOf, taintAtFirstStep } from "../../../../lib/audit/replay/course.ts";
import { journalOf } from "./support.ts";

test("a course has the model's calls with what became of them, its last words and what it took", () => {
  const events = journalOf(
    [
      { name: "feeds_read", result: "news", taint: ["quoted", "tool:feeds_read"] },
      {
        name: "notes_write",
        decision: "ask",
        approval: "denied",
        outcome: "denied",
        taint: ["quoted", "tool:feeds_read"],
      },
    ],
    "That is all.",
    { cost: { amount: 0.25, source: "config" }, milliseconds: 40 },
  );
  const { calls, ...course } = courseOf(events);
  assert.deepEqual(course, {
    ...{ text: "That is all.", state: "done", error: undefined, models: ["main/fake"], steps: 2 },
    ...{ inputTokens: 20, outputTokens: 10, cost: 0.5, milliseconds: 80 },
  });
  assert.deepEqual(
    calls.map(({ name, decision, outcome, approval, taint }) => [name, decision, outcome, approval?.outcome, taint]),
    [
      ["feeds_read", "allow", "ok", undefined, ["tool:feeds_read"]],
      ["notes_write", "ask", "denied", "denied", []],
    ],
  );
});

test("what code called before the model was asked taints a course, and is no part of it", () => {
  const [started, ...rest] = journalOf([], "Good morning.");
  const source = { id: "source-0", name: "feeds_read", arguments: "{}" };
  const taint = ["tool:feeds_read"];
  const read = [
    { type: "tool.requested", call: source, known: true, decision: "allow", rule: "", taint: [] },
    { type: "tool.finished", call: source, known: true, outcome: "ok", result: "news", milliseconds: 1, taint },
  ] as const;
  const events = [...(started ? [started] : []), ...read.map((event) => ({ seq: 0, event })), ...rest];
  assert.deepEqual(courseOf(events).calls, []);
  assert.deepEqual(taintAtFirstStep(events), ["quoted", "tool:feeds_read"]);
});

test("a cost of which a part is unknown is unknown, and a run without an end is unfinished", () => {
  const whole = journalOf([{ name: "time_now" }], "Noon.");
  const { cost, state, text } = courseOf(whole.slice(0, -3));
  assert.deepEqual([cost, state, text], [undefined, "unfinished", ""]);
});
