import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Destination } from "../../../lib/channel/types.ts";
import { fireDue } from "../../../lib/jobs/reminders.ts";
import { createInbox, type InboxEntry } from "../../../lib/ledger/inbox.ts";
import { readMailbox } from "../../../lib/ledger/mailbox.ts";
import { createSchedules } from "../../../lib/ledger/schedules.ts";
import { createLog } from "../../../lib/log.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import type { NewSchedule } from "../../../lib/tools/schedule.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const keyring = createKeyring(newKey());
const now = new Date("2030-01-01T07:00:00Z");
let database: TestDatabase;
let calls = 0;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const room: Destination = { channel: "matrix", user: "@agent_ops:home.example", room: "!direct:home.example" };

/** Keeps a schedule in a lane of its own, and returns that. */
async function kept(more: Partial<NewSchedule> = {}): Promise<string> {
  const callKey = `call-${++calls}`;
  const schedule: NewSchedule = {
    ...{ principal: "matrix:@me:home.example", agent: "ops", lane: callKey, destination: room, shared: false },
    ...{ cron: "0 7 * * *", timezone: "UTC", what: "water the plants", taint: [], nextAt: now, ...more },
  };
  assert.equal(typeof (await createSchedules(database.sql, keyring.bodies).add(schedule, callKey, 1_000)), "number");
  return callKey;
}

/** Fires with so many people in every room, and returns what was announced. */
async function fire(at: Date, members?: number): Promise<InboxEntry[]> {
  const announced: InboxEntry[] = [];
  const { sql } = database;
  const inbox = createInbox(sql, keyring.bodies, (entries, accepted) =>
    announced.push(...entries.filter(({ source }) => accepted.has(source))),
  );
  await fireDue({ sql, keyring, inbox, members: async () => members, log: createLog("silent") }, at);
  return announced;
}

const messageIn = async (lane: string) => (await readMailbox(database.sql, keyring.bodies, lane)).open[0]?.message;

test("what is due is announced after its commit, and is a message that says it is a schedule's", async () => {
  const lane = await kept({ taint: ["tool:feeds_unread"] });
  const announced = await fire(now, 2);
  assert.deepEqual(
    announced.map((entry) => [entry.lane, entry.kind, entry.state]),
    [[lane, "message", "new"]],
  );
  const { scheduled, ...message } = (await messageIn(lane)) ?? assert.fail();
  assert.deepEqual(message, {
    ...{ principal: "matrix:@me:home.example", text: "water the plants", attachments: [], destination: room },
    ...{ shared: false, sentAt: now.toISOString() },
  });
  assert.deepEqual(
    [scheduled?.agent, scheduled?.taint, scheduled?.when, scheduled?.due],
    ["ops", ["tool:feeds_unread"], "every day at 07:00 (UTC)", "Tue 1 Jan 2030 at 07:00"],
  );
});

test("a direct chat that others joined since is a room with others, and so is one nobody knows of", async () => {
  for (const [members, shared] of [
    [2, false],
    [3, true],
    [undefined, true],
  ] as const) {
    const lane = await kept();
    await fire(now, members);
    assert.equal((await messageIn(lane))?.shared, shared);
  }
});

test("more than are taken at once are all fired", async () => {
  const lanes = await Promise.all(Array.from({ length: 130 }, () => kept()));
  const fired = new Set((await fire(now, 2)).map(({ lane }) => lane));
  assert.ok(lanes.every((lane) => fired.has(lane)));
  assert.deepEqual(await fire(now, 2), []);
});

test("a day of down-time makes up for the latest occurrence alone, in the schedule's own zone", async () => {
  const lane = await kept({ cron: "0 8 * * *", timezone: "Europe/Berlin", nextAt: new Date("2030-03-29T07:00:00Z") });
  // In Berlin the clocks are put on in the night before.
  await fire(new Date("2030-03-31T09:00:00Z"), 2);
  assert.equal((await messageIn(lane))?.sentAt, "2030-03-31T06:00:00.000Z");
  const [row] = await database.sql<{ next_at: Date }[]>`select next_at from schedules where lane = ${lane}`;
  assert.equal(row?.next_at.toISOString(), "2030-04-01T06:00:00.000Z");
});

test("a call that is made again after a crash adds nothing, also past as many as there may be", async () => {
  const store = createSchedules(database.sql, keyring.bodies);
  const schedule: NewSchedule = {
    ...{ principal: "telegram:9", agent: "ops", lane: "l", destination: room, shared: false, taint: [] },
    ...{ cron: undefined, timezone: "UTC", what: "x", nextAt: new Date("2035-01-01T00:00:00Z") },
  };
  const first = await store.add(schedule, "same", 1);
  assert.equal(await store.add(schedule, "same", 1), first);
  assert.equal(await store.add(schedule, "another", 1), "full");
});
