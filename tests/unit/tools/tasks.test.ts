import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import type { Services, TasksService } from "../../../lib/config/services.ts";
import { type TaskData, type TasksData, tasksTools } from "../../../lib/tools/tasks.ts";
import type { Tool } from "../../../lib/tools/define.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { type PlaneItem, startPlaneApi } from "../../support/plane-api.ts";
import { call, testContext } from "./support.ts";

/** The tools over a Plane; it is Sunday, 2026-03-29. */
async function setUp(t: TestContext, more: Partial<TasksService> = {}) {
  const plane = await startPlaneApi();
  t.after(() => plane.stop());
  const token = new Secret(plane.key);
  const services: Services = {
    ...{ alerts: undefined, calendar: undefined, feeds: undefined },
    tasks: {
      kind: "plane",
      url: plane.url,
      token,
      workspace: "home",
      projects: [],
      timeoutMs: 5_000,
      maxTasks: 100,
      ...more,
    },
  };
  const [mine, get, comment, setState] = tasksTools(() => services);
  if (!mine || !get || !comment || !setState) throw new Error("no tools");
  const dataOf = async <Data>(tool: Tool, input: object): Promise<Data> =>
    (await runGrantedWhole(tool, input, testContext())).data as Data;
  const shown = async (input: object = {}): Promise<string[]> =>
    (await dataOf<TasksData>(mine, input)).tasks.map(({ id }) => id);
  return { plane, mine, get, comment, setState, dataOf, shown };
}

const household: readonly PlaneItem[] = [
  {
    name: "Call the plumber",
    target_date: "2026-03-20",
    priority: "high",
    state: "In Progress",
    labels: ["water", "house"],
  },
  { name: "Pay the rent", target_date: "2026-03-29", priority: "urgent" },
  { name: "Sweep", target_date: "2026-04-05" },
  { name: "Prune", target_date: "2026-04-06", priority: "low" },
  { name: "Some day" },
  { name: "Some day, but rather", priority: "medium" },
  { name: "Painted", state: "Done", target_date: "2026-03-01", completed_at: "2026-03-02T10:00:00Z" },
  { name: "Dropped", state: "Cancelled", completed_at: null },
];

test("open tasks come by their date: overdue, within a week, later, and without one by priority", async (t) => {
  const { plane, mine } = await setUp(t);
  for (const item of household) plane.add(item);
  plane.add({ name: "Grace's", assignees: ["grace"], target_date: "2026-03-01" });
  assert.equal(
    await call(mine, {}),
    `6 open tasks.

Overdue:
- HOME-1 Call the plumber — high, In Progress, due 2026-03-20, labels water house

Due by 2026-04-05:
- HOME-2 Pay the rent — urgent, Todo, due today
- HOME-3 Sweep — Todo, due 2026-04-05

Later:
- HOME-4 Prune — low, Todo, due 2026-04-06

No date:
- HOME-6 Some day, but rather — medium, Todo
- HOME-5 Some day — Todo`,
  );
});

test("done ones and all of them come where they are asked for", async (t) => {
  const { plane, mine, shown } = await setUp(t);
  for (const item of household) plane.add(item);
  assert.equal(
    await call(mine, { state: "done" }),
    `2 done tasks.

Done:
- HOME-7 Painted — Done, done 2026-03-02, due 2026-03-01
- HOME-8 Dropped — Cancelled`,
  );
  assert.deepEqual((await shown({ state: "all" })).length, 8);
});

test("those due before a date come alone, and a date that is none is refused", async (t) => {
  const { plane, mine, shown } = await setUp(t);
  for (const item of household) plane.add(item);
  assert.deepEqual(await shown({ due_before: "2026-03-29" }), ["HOME-1"]);
  assert.deepEqual(await shown({ due_before: "2026-03-30" }), ["HOME-1", "HOME-2"]);
  for (const due_before of ["2026-02-30", "tomorrow"]) assert.throws(() => call(mine, { due_before }), /must be a day/);
});

test("today is that of the config's time zone", async (t) => {
  const { plane, mine } = await setUp(t);
  plane.add({ name: "Pay", target_date: "2026-03-29" });
  const at = { now: () => new Date("2026-03-29T23:30:00Z") };
  assert.match(await call(mine, {}, { ...at, timezone: "Europe/Berlin" }), /Overdue:/);
  assert.match(await call(mine, {}, { ...at, timezone: "America/New_York" }), /due today/);
});

test("what is beyond the config's limit is told, and data says that there is more", async (t) => {
  const { plane, mine, dataOf } = await setUp(t, { maxTasks: 2 });
  for (const item of household) plane.add(item);
  assert.match(await call(mine, {}), /^6 open tasks\.[^]*HOME-1[^]*HOME-2[^3]*\[and 4 more\]$/);
  const { tasks, more } = await dataOf<TasksData>(mine, {});
  assert.deepEqual([tasks.map(({ id }) => id), more], [["HOME-1", "HOME-2"], true]);
  assert.equal((await dataOf<TasksData>(mine, { due_before: "2026-03-29" })).more, false);
});

test("no tasks are said to be none", async (t) => {
  const { mine } = await setUp(t);
  assert.equal(await call(mine, {}), "No open tasks.");
  assert.equal(await call(mine, { state: "all" }), "No tasks.");
});

test("a damaged one is counted", async (t) => {
  const { plane, mine } = await setUp(t);
  plane.add({ name: "Broken", raw: { name: 7 } });
  assert.equal(await call(mine, {}), "No open tasks.\n\n[1 could not be read and are left out]");
});

test("one task is shown with its text and its comments, as text", async (t) => {
  const { plane, get, dataOf } = await setUp(t);
  const id = plane.add({
    name: "Call the plumber",
    priority: "high",
    target_date: "2026-03-20",
    description_html: "<p>The <b>tap</b> drips.</p><ul><li>kitchen</li></ul><script>x</script>",
  });
  plane.say(id, "grace", "<p>Still <i>drips</i>.</p>");
  assert.equal(
    await call(get, { id: " home-1 " }),
    `HOME-1 Call the plumber
high, Todo, due 2026-03-20
Assigned to ada. Created 2026-01-01 01:01, changed 2026-01-01 01:01.
${plane.url}/home/browse/HOME-1/

The tap drips.

- kitchen

Comments:

grace, 2026-03-01 09:00: Still drips.`,
  );
  const { task } = await dataOf<TaskData>(get, { id });
  assert.deepEqual([task.id, task.mine, task.description], ["HOME-1", true, "The tap drips.\n\n- kitchen"]);
});

test("somebody else's task can be read, and is said to be theirs", async (t) => {
  const { plane, get } = await setUp(t);
  plane.add({ name: "Grace's", assignees: ["grace"] });
  plane.add({ name: "Nobody's", assignees: [] });
  assert.match(await call(get, { id: "HOME-1" }), /Assigned to grace, not to the account\./);
  assert.match(await call(get, { id: "HOME-2" }), /Assigned to nobody\.[^]*\[no description\]$/);
});

test("a long text is cut, visibly", async (t) => {
  const { plane, get } = await setUp(t);
  plane.add({ name: "Long", description_html: `<p>${"x".repeat(20_000)}</p>` });
  assert.match(await call(get, { id: "HOME-1" }), /x… \[cut: 8000 of 20000 characters left out\]$/);
});

test("a comment is written once for its call, whatever is in it", async (t) => {
  const { plane, comment } = await setUp(t);
  const id = plane.add({ name: "Filter" });
  for (let each = 0; each < 2; each++)
    assert.equal(
      await call(comment, { id, text: "<b>Done</b>" }),
      `Commented on HOME-1: ${plane.url}/home/browse/HOME-1/`,
    );
  await call(comment, { id, text: "Again" }, { callKey: "run-1:call-2" });
  assert.deepEqual(
    plane.comments.map(({ comment_html }) => comment_html),
    ["<p>&#60;b&#62;Done&#60;/b&#62;</p>", "<p>Again</p>"],
  );
});

test("a state is set by its name", async (t) => {
  const { plane, setState } = await setUp(t);
  const id = plane.add({ name: "Filter" });
  assert.equal(await call(setState, { id, state: "done" }), 'HOME-1 is now in "Done"; it was in "Todo".');
  assert.equal(await call(setState, { id, state: "Done" }), 'HOME-1 is in "Done" already.');
  assert.equal(plane.stateOf(id), "Done");
});

test("an id that is none is refused before anything is asked for", async (t) => {
  const { plane, get } = await setUp(t);
  for (const id of ["HOME", "12", "HOME-", "HOME-x", "../..-1", "A B-1", "HOME-1/../x"])
    assert.throws(() => call(get, { id }), /must be a task's id/, id);
  assert.equal(plane.requests.length, 0);
});

test("reading is untrusted and private, writing acts, and all of it is of the service tasks", async (t) => {
  const { mine, get, comment, setState } = await setUp(t);
  for (const tool of [mine, get])
    assert.deepEqual([tool.labels, tool.effect], [["untrusted", "private"], "idempotent"]);
  assert.deepEqual([comment.labels, comment.effect], [["act"], "keyed"]);
  assert.deepEqual([setState.labels, setState.effect], [["act"], "idempotent"]);
  for (const { service } of [mine, get, comment, setState]) assert.equal(service, "tasks");
});
