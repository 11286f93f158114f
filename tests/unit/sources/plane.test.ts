import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import type { TasksService } from "../../../lib/config/services.ts";
import { createPlane } from "../../../lib/sources/plane.ts";
import { commentHtml } from "../../../lib/sources/plane-wire.ts";
import type { Asking } from "../../../lib/sources/tracker.ts";
import { trackerOf } from "../../../lib/sources/trackers.ts";
import { type PlaneApiOptions, startPlaneApi } from "../../support/plane-api.ts";

const asking = (patienceMs = 20_000, signal = new AbortController().signal): Asking => ({
  signal,
  now: () => new Date(),
  until: new Date(Date.now() + patienceMs),
});

/** A tracker over a Plane. */
async function setUp(t: TestContext, options: PlaneApiOptions = {}, more: Partial<TasksService> = {}) {
  const plane = await startPlaneApi(options);
  t.after(() => plane.stop());
  const service: TasksService = {
    ...{ kind: "plane", url: plane.url, token: new Secret(plane.key), workspace: plane.workspace },
    ...{ projects: [], timeoutMs: 5_000, maxTasks: 100, ...more },
  };
  const tracker = createPlane(service);
  const mine = async (): Promise<string[]> => (await tracker.mine(asking())).tasks.map(({ id }) => id);
  return { plane, service, tracker, mine };
}

const asked = (requests: readonly { path: string }[], what: RegExp): number =>
  requests.filter(({ path }) => what.test(path)).length;

describe("the tasks of the key's owner", () => {
  test("are gathered over all projects they are a member of, without other people's and without archived projects", async (t) => {
    const { plane, mine } = await setUp(t);
    plane.add({ name: "Mine" });
    plane.add({ name: "Grace's", assignees: ["grace"] });
    plane.add({ name: "Both", assignees: ["grace", "ada"] });
    plane.add({ name: "Nobody's", assignees: [] });
    plane.add({ name: "In the lab" }, "LAB");
    plane.add({ name: "Elsewhere" }, "PUBLIC");
    plane.add({ name: "Long ago" }, "OLD");
    assert.deepEqual((await mine()).sort(), ["HOME-1", "HOME-3", "LAB-1"]);
  });

  test("are in our words, with dates in UTC and an address where people see them", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.add({
      name: "Replace\nthe filter",
      state: "Done",
      priority: "high",
      labels: ["heating"],
      target_date: "2026-03-20",
      completed_at: "2026-03-19T10:00:00.123456+01:00",
    });
    const { tasks, ...rest } = await tracker.mine(asking());
    assert.deepEqual(rest, { more: false, damaged: 0 });
    assert.deepEqual(tasks, [
      {
        ...{ id: "HOME-1", title: "Replace the filter", project: "HOME", state: "Done", group: "completed" },
        ...{ priority: "high", due: "2026-03-20", labels: ["heating"], url: `${plane.url}/home/browse/HOME-1/` },
        ...{ created: "2026-01-01T00:01:00.000Z", updated: "2026-01-01T00:01:00.000Z" },
        completed: "2026-03-19T09:00:00.123Z",
      },
    ]);
  });

  test("whose id holds half a character are counted as damaged, and the others told", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.add({ name: "Whole" });
    plane.change(plane.add({ name: "Half" }), { id: "a\ud800" });
    const { tasks, damaged } = await tracker.mine(asking());
    assert.deepEqual([tasks.map(({ title }) => title), damaged], [["Whole"], 1]);
  });

  test("are read to the last page", async (t) => {
    const { plane, tracker, mine } = await setUp(t, { pageSize: 3 });
    const added = Array.from({ length: 8 }, (_, each) => plane.add({ name: `Task ${each}` }));
    assert.deepEqual((await mine()).sort(), added);
    assert.equal(asked(plane.requests, /work-items\/\?.*cursor=3%3A2%3A0/), 1);
    assert.equal((await tracker.mine(asking())).more, false);
  });

  test("are said to be more where there are too many pages", async (t) => {
    const { plane, tracker } = await setUp(t, { pageSize: 1 });
    for (let each = 0; each < 31; each++) plane.add({ name: `Task ${each}` });
    const { tasks, more } = await tracker.mine(asking());
    assert.deepEqual([tasks.length, more], [30, true]);
  });

  test("are read from a server that expands nothing", async (t) => {
    const { plane, tracker } = await setUp(t, { plain: true });
    plane.add({ name: "Mine", state: "In Progress", labels: ["heating"] });
    plane.add({ name: "Grace's", assignees: ["grace"] });
    const { tasks } = await tracker.mine(asking());
    assert.deepEqual(
      tasks.map(({ id, state, group, labels }) => [id, state, group, labels]),
      [["HOME-1", "In Progress", "started", []]],
    );
    await tracker.mine(asking());
    assert.equal(asked(plane.requests, /states/), 1);
  });

  test("are read where one of them is damaged, which is counted, and where something of one is missing", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.add({ name: "Whole" });
    plane.add({ name: "No number", raw: { sequence_id: "x" } });
    plane.add({ name: "No date", raw: { created_at: null } });
    plane.add({ name: "Odd", raw: { priority: "burning", target_date: "soon", labels: null, state: null } });
    const { tasks, damaged } = await tracker.mine(asking());
    assert.equal(damaged, 2);
    assert.deepEqual(
      tasks.map(({ id, priority, due, state, labels }) => [id, priority, due, state, labels]).toSorted(),
      [
        ["HOME-1", "none", undefined, "Todo", []],
        ["HOME-4", "none", undefined, "no state", []],
      ],
    );
  });

  test("are those of the projects that the config names", async (t) => {
    const { plane, mine } = await setUp(t, {}, { projects: ["lab"] });
    plane.add({ name: "Home" });
    plane.add({ name: "Lab" }, "LAB");
    assert.deepEqual(await mine(), ["LAB-1"]);
    assert.equal(asked(plane.requests, /work-items/), 1);
  });
});

describe("a server that knows the old path names alone", () => {
  test("is asked by the new ones once, and never again", async (t) => {
    const { plane, tracker, mine } = await setUp(t, { onlyIssues: true });
    plane.add({ name: "Mine" });
    assert.deepEqual(await mine(), ["HOME-1"]);
    assert.equal((await tracker.get("HOME-1", asking())).title, "Mine");
    assert.match((await tracker.get("HOME-1", asking())).url, /\/home\/projects\/[\w-]+\/issues\/[\w-]+$/);
    await tracker.comment("HOME-1", { text: "Hello", key: "1" }, asking());
    await tracker.setState("HOME-1", "Done", asking());
    assert.equal(asked(plane.requests, /work-items/), 1);
    assert.deepEqual([plane.comments.length, plane.stateOf("HOME-1")], [1, "Done"]);
  });

  test("is told from one where there is no such task", async (t) => {
    for (const onlyIssues of [true, false]) {
      const { plane, tracker } = await setUp(t, { onlyIssues });
      plane.add({ name: "Mine" });
      await assert.rejects(tracker.get("HOME-9", asking()), { code: "not_found", message: /Plane has no HOME-9/ });
      assert.equal((await tracker.get("HOME-1", asking())).id, "HOME-1");
    }
  });
});

describe("what was learnt", () => {
  test("of the key's owner and the projects is not asked for again within a minute", async (t) => {
    const { plane, service } = await setUp(t);
    plane.add({ name: "Mine" });
    for (let each = 0; each < 3; each++) await trackerOf(service).mine(asking());
    assert.equal(asked(plane.requests, /users\/me/), 1);
    assert.equal(asked(plane.requests, /\/projects\/\?/), 1);
    const later = new Date(Date.now() + 61_000);
    await trackerOf(service).mine({ ...asking(), now: () => later });
    assert.equal(asked(plane.requests, /users\/me/), 2);
  });

  test("is forgotten with the settings", async (t) => {
    const { service } = await setUp(t);
    assert.equal(trackerOf(service), trackerOf(service));
    assert.notEqual(trackerOf(service), trackerOf({ ...service }));
  });
});

describe("a limit of requests", () => {
  test("is waited for, as either header says", async (t) => {
    const { plane, mine } = await setUp(t);
    plane.add({ name: "Mine" });
    plane.limit(1, { "retry-after": "0" });
    assert.deepEqual(await mine(), ["HOME-1"]);
    plane.limit(1, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.floor(Date.now() / 1000)) });
    assert.deepEqual(await mine(), ["HOME-1"]);
  });

  test("that lasts longer than the caller can wait is told with its end", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.limit(1, { "retry-after": "40" });
    await assert.rejects(tracker.mine(asking(1_000)), {
      code: "limit_reached",
      message: /^Plane was asked too often and takes requests again in 41 s; try then$/,
    });
    plane.limit(1, { "x-ratelimit-reset": String(Math.floor(Date.now() / 1000) + 50) });
    await assert.rejects(tracker.mine(asking(1_000)), { code: "limit_reached", message: /again in \d\d s/ });
    plane.limit(1, {});
    await assert.rejects(tracker.mine(asking(1_000)), { code: "limit_reached", message: /again in 61 s/ });
  });

  test("is waited for no longer than the caller lives", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.limit(1, { "retry-after": "10" });
    const stop = new AbortController();
    const work = assert.rejects(tracker.mine(asking(20_000, stop.signal)), { name: "AbortError" });
    setTimeout(() => stop.abort(), 100);
    await work;
  });
});

describe("an error names the setting and what to do", () => {
  for (const wrongKey of [401, 403] as const)
    test(`where the key is refused by ${wrongKey}`, async (t) => {
      const { tracker } = await setUp(t, { wrongKey }, { token: new Secret("wrong") });
      await assert.rejects(tracker.mine(asking()), {
        code: "unauthorized",
        message: /refuses the key in tools\.tasks\.token; make one in Plane, in the/,
      });
    });

  test("where there is no such workspace", async (t) => {
    const { tracker } = await setUp(t, {}, { workspace: "office" });
    await assert.rejects(tracker.mine(asking()), {
      code: "unauthorized",
      message: /there is no workspace "office".*tools\.tasks\.workspace is the first part of the path/,
    });
  });

  test("where the config names a project that is not the owner's", async (t) => {
    const { tracker } = await setUp(t, {}, { projects: ["HOME", "PUBLIC"] });
    await assert.rejects(tracker.mine(asking()), {
      code: "not_found",
      message: /tools\.tasks\.projects names "PUBLIC".*those are HOME, LAB/,
    });
  });

  test("where a task is in another project than the config names, and nothing is asked for", async (t) => {
    const { plane, tracker } = await setUp(t, {}, { projects: ["LAB"] });
    plane.add({ name: "Home" });
    const refused = { code: "not_found", message: /HOME-1 is in none of the projects in tools\.tasks\.projects: LAB/ };
    await assert.rejects(tracker.get("HOME-1", asking()), refused);
    await assert.rejects(tracker.comment("HOME-1", { text: "x", key: "1" }, asking()), refused);
    await assert.rejects(tracker.setState("HOME-1", "Done", asking()), refused);
    assert.equal(plane.requests.length, 0);
  });

  test("where a project may not be read", async (t) => {
    const { plane, tracker } = await setUp(t);
    plane.add({ name: "Elsewhere" }, "PUBLIC");
    await assert.rejects(tracker.get("PUBLIC-1", asking()), {
      code: "unauthorized",
      message: /tools\.tasks\.token may not/,
    });
  });

  test("where it is not Plane, or nothing answers", async (t) => {
    const { tracker } = await setUp(t, {}, { url: "http://127.0.0.1:1" });
    await assert.rejects(tracker.mine(asking()), { code: "fetch_failed", message: /ECONNREFUSED.*tools\.tasks\.url/ });
    const { plane, service } = await setUp(t);
    const elsewhere = createPlane({ ...service, url: `${plane.url}/plane` });
    await assert.rejects(elsewhere.mine(asking()), { code: "not_found", message: /is tools\.tasks\.url Plane/ });
  });
});

describe("one task", () => {
  test("comes with its description and its last comments, the oldest first", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter", description_html: "<p>The <b>old</b> one.</p>", assignees: ["grace"] });
    for (let each = 1; each <= 12; each++) plane.say(id, "grace", `<p>No. ${each}</p>`);
    const { mine, assignees, description, comments, moreComments } = await tracker.get(id, asking());
    assert.deepEqual(
      [mine, assignees, description, moreComments],
      [false, ["grace"], "<p>The <b>old</b> one.</p>", true],
    );
    assert.deepEqual(
      [comments.length, comments[0]?.html, comments.at(-1)?.html],
      [10, "<p>No. 3</p>", "<p>No. 12</p>"],
    );
    assert.deepEqual(comments[0]?.author, "grace");
  });
});

describe("a comment", () => {
  const comment = { text: "Done <b>& dusted</b>\n\nBye", key: "run-1:7" };

  test("is plain text, whatever is in it", () => {
    assert.equal(
      commentHtml("<img src=x onerror=\"a()\"> & 'b'\u0000\nline\n\n\n<mention-component></mention-component>"),
      "<p>&#60;img src=x onerror=&#34;a()&#34;&#62; &#38; &#39;b&#39;<br>line</p><p>&#60;mention-component&#62;&#60;/mention-component&#62;</p>",
    );
  });

  test("of the same key is written once", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter" });
    for (let each = 0; each < 2; each++)
      assert.equal(await tracker.comment(id, comment, asking()), `${plane.url}/home/browse/HOME-1/`);
    assert.deepEqual(
      plane.comments.map(({ comment_html, external_id }) => [comment_html, external_id]),
      [["<p>Done &#60;b&#62;&#38; dusted&#60;/b&#62;</p><p>Bye</p>", "run-1:7"]],
    );
    await tracker.comment(id, { ...comment, key: "run-1:8" }, asking());
    assert.equal(plane.comments.length, 2);
  });

  test("that was kept though the server failed is not written again", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter" });
    plane.fail("POST", 1, 500, true);
    await tracker.comment(id, comment, asking());
    plane.fail("POST", 1, 502);
    await tracker.comment(id, { ...comment, key: "run-1:8" }, asking());
    assert.equal(plane.comments.length, 2);
  });

  test("of which nobody knows whether it was kept is said to be so", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter" });
    plane.fail("POST", 2, 500);
    await assert.rejects(tracker.comment(id, comment, asking()), {
      code: "outcome_unknown",
      message: /ask the person to look/,
    });
  });
});

describe("a state", () => {
  test("is found by its name, and one that is not there is answered with those of the project", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter" });
    assert.deepEqual(await tracker.setState(id, "in progress", asking()), { from: "Todo", to: "In Progress" });
    assert.equal(plane.stateOf(id), "In Progress");
    await assert.rejects(tracker.setState(id, "Finished", asking()), {
      code: "bad_request",
      message: 'Project HOME has no state "Finished"; there are "Backlog", "Todo", "In Progress", "Done", "Cancelled"',
    });
  });

  test("that a task has already is not set again", async (t) => {
    const { plane, tracker } = await setUp(t);
    const id = plane.add({ name: "Filter", state: "Done" });
    assert.deepEqual(await tracker.setState(id, "Done", asking()), { from: "Done", to: "Done" });
    assert.equal(plane.requests.filter(({ method }) => method === "PATCH").length, 0);
  });
});
