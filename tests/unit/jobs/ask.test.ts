import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Job } from "../../../lib/config/config.ts";
import { ClawError } from "../../../lib/errors.ts";
import { askForSlot, type SlotRequest } from "../../../lib/jobs/ask.ts";
import { endSlot, type JobSlot, knownSince, lastDelivered, retrySlot, slotsOf } from "../../../lib/ledger/job-slots.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
beforeEach(() => database.sql`truncate job_slots, jobs`);
after(() => database.drop());

/** Daily at 08:00 in Berlin, which is 07:00 UTC in winter. */
const daily = { name: "news", schedule: "0 8 * * *", timezone: "Europe/Berlin", catch_up: "latest" } as Job;
const woken: string[] = [];

const ask = (now: string, request: Partial<SlotRequest> = {}) =>
  askForSlot(
    { sql: database.sql, wake: (lane) => void woken.push(lane), now: () => new Date(now) },
    { job: daily, cause: "timer", ...request },
  );

const shown = ({ slot, attempt, cause, state }: JobSlot): string =>
  `${slot.toISOString().slice(0, 16)} ${attempt} ${cause} ${state}`;

describe("a slot that nobody named", () => {
  test("is the one that is due, once, by whoever asks", async () => {
    woken.length = 0;
    const answers = await Promise.all(
      (["timer", "clock", "timer", "hand", "clock"] as const).map((cause) => ask("2026-01-15T07:00:01Z", { cause })),
    );
    assert.equal(answers.filter(({ created }) => created).length, 1);
    assert.equal(new Set(answers.map(({ slot }) => slot.id)).size, 1);
    assert.equal(answers[0]?.slot.slot.toISOString(), "2026-01-15T07:00:00.000Z");
    assert.deepEqual(woken, ["job:news"]);
  });

  test("may be asked for by a clock that is a little fast", async () => {
    const early = await ask("2026-01-15T06:59:45Z");
    assert.equal(early.slot.slot.toISOString(), "2026-01-15T07:00:00.000Z");
    assert.equal((await ask("2026-01-15T07:00:01Z")).created, false);
  });

  test("is never one before the latest known: a clock that is put back fires nothing anew", async () => {
    const latest = await ask("2026-01-15T07:00:01Z");
    const back = await ask("2026-01-12T09:00:00Z");
    assert.deepEqual([back.created, back.slot.id], [false, latest.slot.id]);
  });

  test("after days of down-time is the last one alone", async () => {
    await ask("2026-01-10T07:00:01Z");
    await ask("2026-01-15T12:00:00Z");
    assert.deepEqual((await slotsOf(database.sql, "news", 9)).map(shown), [
      "2026-01-15T07:00 1 timer new",
      "2026-01-10T07:00 1 timer new",
    ]);
  });

  test("comes once at either end of summer time", async () => {
    const night = { ...daily, schedule: "30 2 * * *" };
    const days = ["2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25", "2026-10-26"];
    for (const day of days)
      for (const hour of ["00:30:01", "01:30:01", "03:00:00", "12:00:00"]) await ask(`${day}T${hour}Z`, { job: night });
    const slots = (await slotsOf(database.sql, "news", 20)).map(({ slot }) => slot.toISOString().slice(0, 10));
    // The first question of each stretch is early enough to mean the slot of the day before.
    assert.deepEqual(
      days.map((day) => slots.filter((slot) => slot === day).length),
      [1, 1, 1, 1, 1, 1],
    );
  });
});

describe("catch_up", () => {
  const punctual = { ...daily, catch_up: "none" } as const;
  const patient = { ...daily, catch_up: { within_hours: 6 } } as const;
  for (const [what, job, late, state] of [
    ["none: a quarter of an hour late is missed", punctual, "07:15:01", "missed"],
    ["none: a little late is not", punctual, "07:14:59", "new"],
    ["within hours: young enough is made up for", patient, "12:59:00", "new"],
    ["within hours: older is missed", patient, "13:01:00", "missed"],
    ["latest: however late it is made up for", daily, "22:00:00", "new"],
  ] as const)
    test(what, async () => {
      const { slot } = await ask(`2026-01-15T${late}Z`, { job });
      assert.equal(slot.state, state);
      if (state === "missed") assert.match(slot.reason ?? "", /claw jobs rerun news --slot 2026-01-15T08:00$/);
    });

  test("holds nobody back who asks by hand, and what was missed can be run all the same", async () => {
    const slot = new Date("2026-01-10T07:00:00Z");
    assert.equal((await ask("2026-01-15T12:00:00Z", { job: punctual, slot })).slot.state, "new");
    const missed = await ask("2026-01-15T12:00:00Z", { job: punctual });
    assert.equal(missed.slot.state, "missed");
    const rerun = await ask("2026-01-15T12:00:00Z", { job: punctual, rerun: true });
    assert.equal(shown(rerun.slot), "2026-01-15T07:00 2 hand new");
  });
});

describe("a rerun", () => {
  test("is a further attempt, one for all who ask at once", async () => {
    const { slot } = await ask("2026-01-15T07:00:01Z");
    await endSlot(database.sql, slot, "done", undefined);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask("2026-01-15T09:00:00Z", { rerun: true })));
    assert.equal(answers.filter(({ created }) => created).length, 1);
    assert.ok(answers.every((answer) => answer.slot.attempt === 2));
    assert.notEqual(answers[0]?.slot.runId, slot.runId);
  });

  test("of one that waits for its next try has that begin", async () => {
    const { slot } = await ask("2026-01-15T07:00:01Z");
    await retrySlot(database.sql, slot, "it failed", 3_600_000);
    const { created, slot: next } = await ask("2026-01-15T07:01:00Z", { rerun: true });
    assert.deepEqual([created, next.attempt, next.cause], [false, 2, "retry"]);
    const [row] = await database.sql`select not_before <= now() as due from job_slots where attempt = 2`;
    assert.equal(row?.["due"], true);
  });
});

test("a slot to come cannot be run", async () => {
  const refused = (slot: string) =>
    assert.rejects(
      ask("2026-01-15T07:00:01Z", { slot: new Date(slot) }),
      (thrown: unknown) => thrown instanceof ClawError && /still to come/.test(thrown.message),
    );
  await refused("2026-01-16T07:00:00Z");
});

test("a job is known since it was first seen", async () => {
  const one = await knownSince(database.sql, ["news"]);
  const both = await knownSince(database.sql, ["news", "digest"]);
  assert.deepEqual(both.get("news"), one.get("news"));
  assert.ok(both.has("digest"));
  assert.equal((await knownSince(database.sql, [])).size, 0);
});

test("the last slot that was delivered is one that had its say, or nothing to say", async () => {
  const states = ["done", "quiet", "failed"] as const;
  for (const [index, state] of states.entries()) {
    const { slot } = await ask(`2026-01-1${index}T07:00:01Z`);
    await endSlot(database.sql, slot, state, undefined);
  }
  const last = await lastDelivered(database.sql, { job: "news", slot: new Date("2026-01-15T07:00:00Z") });
  assert.equal(last?.toISOString(), "2026-01-11T07:00:00.000Z");
});
