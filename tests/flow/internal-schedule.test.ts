import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Config, Job } from "../../lib/config/config.ts";
import { askForDueJobs, type EachMinute, tick } from "../../lib/jobs/tick.ts";
import { dueSlot } from "../../lib/time/slots.ts";
import { createLog } from "../../lib/log.ts";
import { Locks } from "../../lib/queue/locks.ts";
import { startWorker, type Tasks } from "../../lib/queue/worker.ts";
import { jobTickTask } from "../../functions/tasks/job-tick.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** As much of a job as the clock looks at. */
const jobOf = (name: string, schedule: string): Job => ({ name, schedule, timezone: "Europe/Berlin" }) as Job;

const configOf = (scheduler: Config["scheduler"], ...jobs: Job[]): Pick<Config, "scheduler" | "jobs"> => ({
  scheduler,
  jobs: new Map(jobs.map((job) => [job.name, job])),
});

/** A clock whose slots are written as the gateway writes them: the first who comes has it. */
const clockOf = (config: () => Pick<Config, "scheduler" | "jobs">, known: string): EachMinute =>
  askForDueJobs({
    config,
    knownSince: async (names) => new Map(names.map((name) => [name, new Date(known)])),
    ask: (job, now) => database.sql`
      insert into job_slots (job, slot, cause, state) values (${job.name}, ${dueSlot(job, now) ?? null}, 'clock', 'new')
      on conflict (job, slot, attempt) do nothing`,
  });

const slotsOf = async (job: string): Promise<string[]> => {
  const rows = await database.sql<{ slot: Date }[]>`select slot from job_slots where job = ${job} order by slot`;
  return rows.map(({ slot }) => slot.toISOString().slice(0, 16));
};

/** One tick for each minute from one instant up to another. */
async function minutes(clock: EachMinute, from: string, to: string): Promise<void> {
  for (let at = Date.parse(from); at < Date.parse(to); at += 60_000) await tick([clock], new Date(at));
}

describe("the gateway's own clock", () => {
  test("asks for each slot once, however many processes keep it", async () => {
    const config = configOf("internal", jobOf("often", "*/20 * * * *"), jobOf("daily", "0 8 * * *"));
    const clocks = Array.from({ length: 5 }, () => clockOf(() => config, "2026-11-01T00:00Z"));
    await Promise.all(clocks.map((clock) => minutes(clock, "2026-11-24T06:50Z", "2026-11-24T07:25Z")));
    assert.deepEqual(await slotsOf("often"), ["2026-11-24T06:40", "2026-11-24T07:00", "2026-11-24T07:20"]);
    assert.deepEqual(await slotsOf("daily"), ["2026-11-23T07:00", "2026-11-24T07:00"]);
  });

  test("asks for what was missed in a day of down-time once, and for nothing from before a job was known", async () => {
    const config = configOf("internal", jobOf("down", "0 * * * *"), jobOf("fresh", "0 8 * * *"));
    const clock = clockOf(() => config, "2026-11-24T07:30Z");
    await minutes(clock, "2026-11-24T07:30Z", "2026-11-24T08:02Z");
    assert.deepEqual([await slotsOf("down"), await slotsOf("fresh")], [["2026-11-24T08:00"], []]);
    await minutes(clock, "2026-11-25T08:30Z", "2026-11-25T08:33Z");
    assert.deepEqual(await slotsOf("down"), ["2026-11-24T08:00", "2026-11-25T08:00"]);
    assert.deepEqual(await slotsOf("fresh"), ["2026-11-25T07:00"]);
  });

  test("leaves the jobs to timers where those are told to, and goes by the config in force", async () => {
    let config = configOf("external", jobOf("reloaded", "0 8 * * *"));
    const clock = clockOf(() => config, "2026-11-01T00:00Z");
    await minutes(clock, "2026-11-24T07:00Z", "2026-11-24T07:02Z");
    assert.deepEqual(await slotsOf("reloaded"), []);
    config = configOf("internal", jobOf("reloaded", "1 8 * * *"));
    await minutes(clock, "2026-11-24T07:02Z", "2026-11-24T07:03Z");
    assert.deepEqual(await slotsOf("reloaded"), ["2026-11-24T07:01"]);
    config = configOf("internal");
    await minutes(clock, "2026-11-25T07:02Z", "2026-11-25T07:03Z");
    assert.equal((await slotsOf("reloaded")).length, 1);
  });

  test("makes no new slot of a time that comes again because the clock was put back", async () => {
    const config = configOf("internal", jobOf("back", "0 * * * *"));
    const clock = clockOf(() => config, "2026-11-01T00:00Z");
    await minutes(clock, "2026-11-24T07:00Z", "2026-11-24T09:01Z");
    await minutes(clock, "2026-11-24T07:30Z", "2026-11-24T09:01Z");
    assert.deepEqual(await slotsOf("back"), ["2026-11-24T07:00", "2026-11-24T08:00", "2026-11-24T09:00"]);
  });

  test("does everything that is done each minute, though something of it fails, and then fails", async () => {
    const done: string[] = [];
    const fails =
      (text: string): EachMinute =>
      async () =>
        Promise.reject(new Error(text));
    const works: EachMinute = async () => void done.push("worked");
    const now = new Date();
    await assert.rejects(tick([fails("one"), works], now), { message: "one" });
    await assert.rejects(tick([fails("one"), works, fails("two")], now), { message: "Error: one; Error: two" });
    await tick([works], now);
    assert.equal(done.length, 3);
  });
});

describe("the queue's worker", () => {
  test("knows the tick of each minute, and does it", async () => {
    const log = createLog("silent");
    const locks = new Locks(database.url, log);
    const ticks: Date[] = [];
    const none = async (): Promise<void> => {};
    const tasks: Tasks = {
      ...{ control: none, deliver: none, "matrix-membership": none, "approval-decided": none, "approval-expiry": none },
      "job-tick": jobTickTask([async (now) => void ticks.push(now)]),
    };
    const worker = await startWorker({ url: database.url, tasks, concurrency: 1, locks, graceMs: 1_000, log });
    try {
      await until(async () => {
        const rows = await database.sql`
          select 1 from graphile_worker._private_known_crontabs where identifier = 'job-tick'`;
        return rows.length === 1;
      });
      await database.sql`select graphile_worker.add_job('job-tick')`;
      await until(async () => ticks.length > 0);
    } finally {
      await worker.stop();
      await locks.close();
    }
  });
});
