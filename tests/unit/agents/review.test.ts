import assert from "node:assert/strict";
import { test } from "node:test";
import { review } from "../../../functions/agents/review.ts";
import { context, readings, said, tokens } from "./support.ts";

const at = context({ name: "task-review", previous: new Date("2026-11-16T08:00:00Z") });
const task = (id: string, more: object = {}): object => ({
  id,
  title: `Title of ${id}`,
  project: "Home",
  state: "Todo",
  group: "unstarted",
  priority: "none",
  due: null,
  updated: "2026-11-22T10:00:00Z",
  ...more,
});
const commitment = (id: number, more: object = {}): object => ({
  id,
  text: `promise ${id}`,
  due: null,
  createdAt: "2026-11-01T00:00:00Z",
  completedAt: null,
  ...more,
});
const tasks = (...list: object[]) => ({ text: "tasks", data: { tasks: list, more: false } });
const promises = (...list: object[]) => ({ text: "promises", data: { commitments: list } });
const none = [tasks(), promises()];
const title = "**Monday 23 November** · task review";

const all = tasks(
  task("HOME-1", { due: "2026-11-29" }),
  task("HOME-2", { due: "2026-11-22", priority: "high", updated: "2026-11-01T10:00:00Z" }),
  task("HOME-3", { group: "started", state: "In Progress" }),
  task("HOME-4", { updated: "2026-11-09T10:00:00Z" }),
  task("HOME-5", { due: "2026-11-30" }),
  task("HOME-6", { due: "2026-11-19" }),
  task("HOME-7", { due: "2026-11-23" }),
  task("HOME-8", { title: "A\nB", updated: null }),
  task("HOME-20", { group: "completed", completed: "2026-11-17T10:00:00Z", updated: "2026-11-18T10:00:00Z" }),
  task("HOME-21", { group: "completed", completed: "2026-11-10T10:00:00Z" }),
  task("HOME-22", { group: "cancelled", updated: "2026-11-17T10:00:00Z" }),
);
const kept = promises(
  commitment(1, { due: "2026-11-20" }),
  commitment(2, { due: "2026-11-24" }),
  commitment(3),
  commitment(4, { completedAt: "2026-11-18T10:00:00Z" }),
  commitment(5, { completedAt: "2026-11-10T10:00:00Z" }),
);

test("it reads all tasks and commitments, done ones too", () => {
  assert.deepEqual(
    review.sources(at).map(({ tool, args }) => [tool, args]),
    [
      ["tasks_mine", { state: "all" }],
      ["commitments_list", { include_done: true }],
    ],
  );
});

test("the model is given groups with the days counted, each task once", () => {
  const messages = review.compose(at, readings(review, [all, kept], at));
  assert.equal(
    said(messages, "user"),
    `<source title="Tasks">
**Overdue (2)**
- HOME-6 Title of HOME-6, due Thu 19 Nov, 4 days late, Todo
- HOME-2 Title of HOME-2, due Sun 22 Nov, 1 day late, high, Todo, untouched for 22 days

**Due by Sun 29 Nov (2)**
- HOME-7 Title of HOME-7, due today, Todo
- HOME-1 Title of HOME-1, due Sun 29 Nov, Todo

**In progress (1)**
- HOME-3 Title of HOME-3, In Progress

**Not touched for 14 days (1)**
- HOME-4 Title of HOME-4, Todo, untouched for 14 days

**Other open tasks (2)**
- HOME-5 Title of HOME-5, due Mon 30 Nov, Todo
- HOME-8 A B, Todo

**Done since the last review (1)**
- HOME-20 Title of HOME-20
</source>

<source title="Commitments">
**Commitments overdue (1)**
- promise 1, due Fri 20 Nov, 3 days late

**Commitments due by Sun 29 Nov (1)**
- promise 2, due tomorrow

**Commitments for later (1)**
- promise 3

**Commitments kept since the last review (1)**
- promise 4
</source>`,
  );
  assert.ok(tokens(said(messages, "system")) < 400, String(tokens(said(messages, "system"))));
});

test("what day it is depends on the job's zone", () => {
  const auckland = { ...at, timezone: "Pacific/Auckland", slot: new Date("2026-11-23T20:00:00Z") };
  const due = tasks(task("HOME-1", { due: "2026-11-23" }));
  assert.match(said(review.compose(auckland, readings(review, [due], auckland)), "user"), /Overdue \(1\)/);
});

test("where the model wrote nothing, the groups are sent", () => {
  const message = review.finish(at, readings(review, [all, kept], at), "");
  assert.ok(message.startsWith(`${title}\n\n**Overdue (2)**\n- HOME-6`));
  assert.equal(review.finish(at, readings(review, [all, kept], at), "Fine."), `${title}\n\nFine.`);
});

test("a long group is cut visibly", () => {
  const many = tasks(...Array.from({ length: 25 }, (_, index) => task(`HOME-${index}`)));
  assert.match(review.finish(at, readings(review, [many], at), ""), /Other open tasks \(25\)[\s\S]*- … and 5 more$/);
});

test("it says where open tasks, or tasks done since the last review, may be missing from the list", () => {
  const reviewed = (...list: object[]): string =>
    review.finish(at, readings(review, [{ text: "", data: { tasks: list, more: true } }], at), "");
  const old = task("HOME-30", { group: "completed", completed: "2026-11-10T10:00:00Z" });
  assert.match(reviewed(task("HOME-1")), /more tasks than could be listed/);
  assert.doesNotMatch(reviewed(task("HOME-1"), old), /more tasks than could be listed/);
});

test("where there is nothing the model is not asked, and that is what is said", () => {
  assert.equal(review.compose(at, readings(review, none, at)), undefined);
  assert.equal(
    review.finish(at, readings(review, none, at), undefined),
    `${title}\n\nNothing to review: no open tasks, no commitments, and nothing done since Monday 16 November.`,
  );
});

test("a service that is down is named, and the rest goes on", () => {
  const down = { failed: "Plane does not answer" };
  const read = readings(review, [down, kept], at);
  assert.match(said(review.compose(at, read), "user"), /"Tasks">\n\(could not be read/);
  assert.equal(
    review.finish(at, read, "One promise is late."),
    `${title}\n\nOne promise is late.\n\n⚠ Tasks could not be read: Plane does not answer`,
  );
  assert.equal(
    review.finish(at, readings(review, [down, { failed: "no" }], at), undefined),
    `${title}\n\n⚠ Tasks could not be read: Plane does not answer\n⚠ Commitments could not be read: no`,
  );
});

test("data of another shape falls back on the tool's words; damaged tasks are left out", () => {
  const strange = readings(review, [{ text: "- HOME-9 Roof", data: 7 }, promises()], at);
  assert.match(said(review.compose(at, strange), "user"), /- HOME-9 Roof/);
  const damaged = readings(review, [tasks({ id: 5 }, task("HOME-1", { due: "soon", updated: 3 }))], at);
  assert.match(said(review.compose(at, damaged), "user"), /Other open tasks \(1\)/);
});

test("ids of its tasks are links to them, and nothing else becomes one", () => {
  const url = "https://plane.example/home/browse/HOME-1/";
  const list = tasks(task("HOME-1", { due: "2026-11-29", url }), task("HOME-10"));
  const told = readings(review, [list, promises()], at);
  assert.deepEqual(review.links?.(told), [url]);
  const words =
    "- **HOME-1** is due; HOME-10, HOME-2 and X-HOME-1 are not, nor is `HOME-1` or [HOME-1](https://evil.example/).";
  const message = review.finish(at, told, words);
  assert.match(
    message,
    /\*\*\[HOME-1\]\(<https:\/\/plane\.example\/home\/browse\/HOME-1\/>\)\*\* is due; HOME-10, HOME-2 and X-HOME-1/,
  );
  assert.match(message, /nor is `HOME-1` or \[HOME-1\]\(https:\/\/evil\.example\/\)/);
});
