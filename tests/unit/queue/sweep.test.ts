import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { createLog } from "../../../lib/log.ts";
import { Locks } from "../../../lib/queue/locks.ts";
import { sweep } from "../../../lib/queue/sweep.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let alive: Locks;

before(async () => {
  database = await createTestDatabase();
  alive = new Locks(database.url, createLog("silent"));
  await alive.announce(alive.worker);
});
beforeEach(() => database.sql`truncate inbox, outbox, graphile_worker._private_jobs`);
after(async () => {
  await alive.close();
  await database.drop();
});

const none = { workersFreed: 0, sendsUnknown: 0, sendsAgain: 0, holdsSettled: 0, jobs: 0, unknown: [] };
const patient = 2_000;

/** A row of the outbox, `age` old; returns what reads it again. */
async function outgoing(row: {
  channel?: string;
  state?: string;
  worker?: string;
  age?: string;
  due?: string;
  lane?: string;
}) {
  const { channel = "matrix", state = "sending", worker = null, age = "0", due = "0", lane = "l" } = row;
  const key = randomUUID();
  await database.sql`
    insert into outbox (key, lane, destination, body, state, worker, created_at, not_before)
    values (${key}, ${lane}, ${database.sql.json({ channel })}, ''::bytea, ${state}, ${worker},
      now() - ${age}::text::interval, now() + ${due}::text::interval)`;
  return async () => (await database.sql`select state, reason from outbox where key = ${key}`)[0];
}

/** A row of the inbox, `age` old; returns its id. */
async function incoming(row: { kind?: string; state?: string; lane?: string; age?: string }): Promise<number> {
  const { kind = "message", state = "new", lane = "l", age = "0" } = row;
  const [made] = await database.sql<{ id: number }[]>`
    insert into inbox (source, channel, lane, kind, state, received_at)
    values (${randomUUID()}, 'matrix', ${lane}, ${kind}, ${state}, now() - ${age}::text::interval) returning id`;
  return made?.id ?? 0;
}

const jobs = () =>
  database.sql<{ key: string; task: string; payload: unknown; due: boolean; locked_by: string | null }[]>`
    select j.key, t.identifier as task, j.payload, j.run_at <= now() as due, j.locked_by
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id order by j.key`;

test("where all is well nothing is found, and nothing changes", async () => {
  await outgoing({ state: "sent", worker: "dead", age: "1 day" });
  await outgoing({ state: "failed", age: "1 day" });
  await outgoing({ worker: alive.worker, age: "1 day" });
  await incoming({ state: "done", age: "1 day" });
  await incoming({ kind: "control", state: "done", age: "1 day" });
  const { lanes, ...counts } = await sweep(database.sql, patient);
  assert.deepEqual([counts, [...lanes]], [none, []]);
  assert.equal((await jobs()).length, 0);
});

describe("a send under way when its process died", () => {
  test("is repeated on Matrix, which drops a repeat for 24 hours, and on Telegram never", async () => {
    const young = await outgoing({ worker: "dead", age: "22 hours 59 minutes" });
    const old = await outgoing({ worker: "dead", age: "23 hours 1 minute" });
    const telegram = await outgoing({ worker: "dead", channel: "telegram" });
    const { sendsAgain, sendsUnknown } = await sweep(database.sql, patient);
    assert.deepEqual([sendsAgain, sendsUnknown], [1, 2]);
    const reason = "the gateway was killed while sending";
    assert.deepEqual(await young(), { state: "pending", reason });
    assert.deepEqual(await old(), { state: "unknown", reason });
    assert.deepEqual(await telegram(), { state: "unknown", reason });
  });

  test("is left alone while its process lives", async () => {
    const row = await outgoing({ worker: alive.worker, channel: "telegram", age: "1 hour" });
    const { sendsAgain, sendsUnknown } = await sweep(database.sql, patient);
    assert.deepEqual([sendsAgain, sendsUnknown], [0, 0]);
    assert.equal((await row())?.["state"], "sending");
  });
});

describe("an open lane", () => {
  const lanes = async (patience = patient) =>
    (await sweep(database.sql, patience)).lanes.toSorted((one, two) => (one.lane < two.lane ? -1 : 1));

  test("is found once its oldest message has waited, and at once if a run of it had begun", async () => {
    await incoming({ lane: "fresh", age: "1 second" });
    await incoming({ lane: "begun", state: "running" });
    await incoming({ lane: "begun", age: "1 second" });
    await incoming({ lane: "waited", age: "3 seconds" });
    await incoming({ lane: "waited" });
    assert.deepEqual(await lanes(), [
      { lane: "begun", interrupted: true },
      { lane: "waited", interrupted: false },
    ]);
    assert.equal((await lanes(0)).length, 3);
  });

  test("is not found while somebody holds its lock", async () => {
    await incoming({ lane: "held", state: "running", age: "1 hour" });
    const held = await alive.tryLane("held", async () => undefined);
    assert.ok(held);
    assert.deepEqual(await lanes(), []);
    await alive.releaseLane("held", held.signal);
    assert.deepEqual(await lanes(), [{ lane: "held", interrupted: true }]);
  });

  test("is one of messages: commands and memberships have jobs", async () => {
    await incoming({ kind: "control", age: "1 hour" });
    await incoming({ kind: "membership", age: "1 hour" });
    assert.deepEqual(await lanes(), []);
  });
});

test("a job's lane is open while an attempt may go on, and not while it waits for its time, a yes or a send", async () => {
  const { sql } = database;
  await sql`truncate job_slots, runs`;
  const attempt = async (job: string, state: string, due = "-1 minute", runState?: string): Promise<string> => {
    const run = randomUUID();
    await sql`
      insert into job_slots (job, slot, cause, state, run_id, not_before)
      values (${job}, now(), 'timer', ${state}, ${run}, now() + ${due}::text::interval)`;
    if (runState !== undefined)
      await sql`
        insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash)
        values (${run}, ${run}, ${`job:${job}`}, 'ops', ${`job:${job}`}, 'job', ${runState}, '', '')`;
    return run;
  };
  await attempt("fresh", "new");
  await attempt("just-now", "new", "-1 second");
  await attempt("later", "new", "1 hour");
  await attempt("gathering", "running");
  await attempt("interrupted", "running", "-1 minute", "running");
  await attempt("asks", "running", "-1 minute", "waiting");
  await attempt("sent", "delivering", "-1 minute", "done");
  const sending = await attempt("sending", "delivering", "-1 minute", "done");
  await sql`
    insert into outbox (key, lane, destination, body, not_before)
    values (${`${sending}:0:0`}, 'l', ${sql.json({ channel: "matrix" })}, ''::bytea, now() + interval '1 hour')`;
  await attempt("over", "done");
  const { lanes } = await sweep(sql, patient);
  assert.deepEqual(lanes.map(({ lane, interrupted }) => `${lane} ${interrupted}`).sort(), [
    "job:fresh false",
    "job:gathering true",
    "job:interrupted true",
    "job:sent false",
  ]);
  await sql`truncate job_slots, runs`;
});

describe("what has lost its job gets one", () => {
  test("a delivery that is due, one for its lane, and none before", async () => {
    await outgoing({ state: "pending", lane: "due", due: "-2 seconds" });
    await outgoing({ state: "pending", lane: "due", due: "-3 seconds" });
    await outgoing({ state: "pending", lane: "just now" });
    await outgoing({ state: "pending", lane: "postponed", due: "1 minute" });
    assert.equal((await sweep(database.sql, patient)).jobs, 1);
    const all = [{ key: "deliver:due", task: "deliver", payload: { lane: "due" }, due: true, locked_by: null }];
    assert.deepEqual([...(await jobs())], all);
    assert.equal((await sweep(database.sql, patient)).jobs, 0, "it has one now");
    assert.deepEqual([...(await jobs())], all);
  });

  test("a command or membership that has waited for 10 s, and no younger one", async () => {
    const control = await incoming({ kind: "control", age: "11 seconds" });
    const membership = await incoming({ kind: "membership", age: "11 seconds" });
    await incoming({ kind: "control", age: "9 seconds" });
    await incoming({ kind: "membership", state: "refused", age: "11 seconds" });
    assert.equal((await sweep(database.sql, patient)).jobs, 2);
    assert.deepEqual(
      [...(await jobs())].map(({ key, task, payload }) => [key, task, payload]),
      [
        [`control:${control}`, "control", { inbox: control }],
        [`membership:${membership}`, "matrix-membership", { inbox: membership }],
      ],
    );
  });

  test("one whose job waits for long after failures is tried now; one whose job is soon due is let be", async () => {
    await outgoing({ state: "pending", lane: "long", due: "-1 hour" });
    await outgoing({ state: "pending", lane: "soon", due: "-1 hour" });
    for (const [lane, wait] of [
      ["long", "2 hours"],
      ["soon", "30 seconds"],
    ] as const)
      await database.sql`
        select graphile_worker.add_job('deliver', json_build_object('lane', ${lane}::text),
          job_key := ${`deliver:${lane}`}, run_at := now() + ${wait}::text::interval)`;
    assert.equal((await sweep(database.sql, patient)).jobs, 1);
    assert.deepEqual(
      [...(await jobs())].map(({ key, due }) => [key, due]),
      [
        ["deliver:long", true],
        ["deliver:soon", false],
      ],
    );
  });
});

test("a job under way is not made a second time", async () => {
  await outgoing({ state: "pending", lane: "busy", due: "-1 hour" });
  await database.sql`select graphile_worker.add_job('deliver', job_key := 'deliver:busy')`;
  await database.sql`update graphile_worker._private_jobs set locked_by = ${alive.worker}, locked_at = now()`;
  assert.equal((await sweep(database.sql, patient)).jobs, 0);
});

test("the jobs of a dead worker are freed, those of one that lives or has just begun are not", async () => {
  for (const [key, worker, age] of [
    ["a dead one's", "dead", "3 seconds"],
    ["a beginner's", "beginner", "1 second"],
    ["a living one's", alive.worker, "1 hour"],
  ] as const) {
    await database.sql`select graphile_worker.add_job('deliver', job_key := ${key})`;
    await database.sql`
      update graphile_worker._private_jobs set locked_by = ${worker}, locked_at = now() - ${age}::text::interval
      where key = ${key}`;
  }
  assert.equal((await sweep(database.sql, patient)).workersFreed, 1);
  assert.deepEqual(
    [...(await jobs())].map(({ key, locked_by: by }) => [key, by]),
    [
      ["a beginner's", "beginner"],
      ["a dead one's", null],
      ["a living one's", alive.worker],
    ],
  );
});
