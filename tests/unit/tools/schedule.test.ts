import assert from "node:assert/strict";
import { test } from "node:test";
import { type NewSchedule, scheduleTools } from "../../../lib/tools/schedule.ts";
import type { Foresight, Tool, ToolContext } from "../../../lib/tools/define.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { ada, testContext } from "./support.ts";

const place = {
  lane: "telegram:main:1",
  destination: { channel: "telegram", bot: "main", chat: 1, replyTo: 5 },
} as const satisfies Foresight["place"];

// A Tuesday.
const now = (): Date => new Date("2026-11-24T18:00:00Z");

/** The tool over a store that keeps what it is given. */
function setUp(answer: number | "full" = 3) {
  const added: { schedule: NewSchedule; callKey: string; most: number }[] = [];
  const settings = { max_per_person: 20, least_minutes: 15 };
  const add = async (schedule: NewSchedule, callKey: string, most: number) => (
    added.push({ schedule, callKey, most }),
    answer
  );
  const [tool] = scheduleTools({ add }, () => settings);
  assert.ok(tool);
  const run = async (input: object, more: Partial<ToolContext> = {}) =>
    runGrantedWhole(tool, input, testContext({ now, place, ...more }));
  const foresee = (input: object, more: Partial<Foresight> = {}): string => foreseen(tool, input, more);
  return { tool, added, settings, run, foresee };
}

const foreseen = (tool: Tool, input: object, more: Partial<Foresight>): string =>
  tool.foresee?.(tool.input.parse(input), { place, now, timezone: "Europe/Berlin", ...more }) ?? assert.fail();

const weekdays = { what: "tell me the weather", cron: "0 7 * * 1-5" };

test("a recurring check is kept with the chat, the person and the taint of the run, once a call", async () => {
  const { run, added } = setUp();
  const { text, data } = await run(weekdays, { taint: ["tool:feeds_unread"], shared: true });
  assert.equal(
    text,
    "Scheduled as #3: weekdays at 07:00 (Europe/Berlin), next on Wed 25 Nov 2026 at 07:00. The person lists and deletes such by the command jobs.",
  );
  assert.deepEqual(data, { id: 3, next: "2026-11-25T06:00:00.000Z" });
  const schedule = {
    ...{ principal: ada, agent: "ops", lane: place.lane, shared: true, taint: ["tool:feeds_unread"] },
    destination: { channel: "telegram", bot: "main", chat: 1 },
    ...{ what: weekdays.what, cron: weekdays.cron, timezone: "Europe/Berlin" },
    nextAt: new Date("2026-11-25T06:00:00Z"),
  };
  assert.deepEqual(added, [{ schedule, callKey: "run-1:call-1", most: 20 }]);
});

test("a reminder is kept for its instant, in a zone of its own where one is named", async () => {
  const { run, added } = setUp();
  await run({ what: "call Bo", at: "2026-11-27T18:00" });
  await run({ what: "call Bo", at: "2026-11-27T18:00", timezone: "America/New_York" });
  assert.deepEqual(
    added.map(({ schedule: { cron, timezone, nextAt } }) => [cron, timezone, nextAt.toISOString()]),
    [
      [undefined, "Europe/Berlin", "2026-11-27T17:00:00.000Z"],
      [undefined, "America/New_York", "2026-11-27T23:00:00.000Z"],
    ],
  );
});

test("whoever approves it reads when it will happen in words, the next time among them", () => {
  const { foresee } = setUp();
  assert.equal(foresee(weekdays), "weekdays at 07:00 (Europe/Berlin), next on Wed 25 Nov 2026 at 07:00");
  assert.equal(foresee({ what: "x", at: "2026-11-27T18:00" }), "once, on Fri 27 Nov 2026 at 18:00 (Europe/Berlin)");
});

test("what can come to nothing is told to the model before anybody is asked, and refused by the run too", async () => {
  const { foresee, run, added } = setUp();
  const refused: [object, RegExp][] = [
    [{}, /^Give exactly one of cron and at\.$/],
    [{ cron: "0 7 * * *", at: "2026-11-27T18:00" }, /^Give exactly one/],
    [{ cron: "0 7 * *" }, /^cron must have five fields/],
    [{ cron: "0 25 * * *" }, /^cron hour "25" must be of 0-23/],
    [{ cron: "0 0 30 2 *" }, /never happens/],
    [
      { at: "2026-11-24T18:00" },
      /^That is past: once, on Tue 24 Nov 2026 at 18:00 .* It is Tue 24 Nov 2026 at 19:00 there/,
    ],
    [{ at: "2026-02-30T18:00" }, /must be a local date and time such as/],
    [{ at: "2026-11-27T18:00Z" }, /without an offset/],
  ];
  for (const [when, message] of refused) {
    assert.throws(() => foresee({ what: "x", ...when }), { code: "bad_request", message });
    await assert.rejects(run({ what: "x", ...when }), { code: "bad_request", message });
  }
  for (const wrong of [
    { ...weekdays, what: " " },
    { ...weekdays, timezone: "Mars/Base" },
    { ...weekdays, principal: "telegram:2" },
  ])
    await assert.rejects(run(wrong));
  assert.equal(added.length, 0);
});

test("what happens too often is refused, however the expression hides it", () => {
  const { foresee, settings } = setUp();
  const tooOften = { code: "bad_request", message: /is too often: 15 minutes must lie between two occurrences/ };
  for (const cron of ["* * * * *", "*/14 * * * *", "0,5 8 1 1 *", "0-59 3 29 2 *", "59,0 7,8 * * *"])
    assert.throws(() => foresee({ what: "x", cron }), tooOften, cron);
  for (const cron of ["*/15 * * * *", "0,30 8 * * *", "0 7 * * *"]) foresee({ what: "x", cron });
  settings.least_minutes = 1_440;
  // Daily is daily, on the day of 23 hours as well.
  foresee({ what: "x", cron: "0 7 * * *" }, { now: () => new Date("2026-03-27T00:00:00Z") });
  assert.throws(() => foresee({ what: "x", cron: "0 7,8 * * *" }), { message: /too often: 1440 minutes/ });
});

test("nothing is scheduled where there is no chat of the agent's own", () => {
  const { foresee } = setUp();
  assert.throws(() => foresee(weekdays, { place: undefined }), {
    code: "bad_request",
    message: /^Nothing can be scheduled here/,
  });
});

test("a person with as many as they may have is told to delete some", async () => {
  const { run } = setUp("full");
  await assert.rejects(run(weekdays), { code: "limit_reached", message: /^The person has 20 schedules already/ });
});
