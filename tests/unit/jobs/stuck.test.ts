import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import type { Config } from "../../../lib/config/config.ts";
import { jobsHealth, jobStandings } from "../../../lib/jobs/stuck.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
beforeEach(() => database.sql`truncate job_slots, runs`);
after(() => database.drop());

/** An agent's runs take five minutes at most: beyond fifteen a job is stuck. */
const config = {
  timezone: "Europe/Berlin",
  agents: new Map([["ops", { limits: { seconds: 300 } }]]),
  jobs: new Map([["brief", { name: "brief", agent: "ops", timezone: "Europe/Berlin" }]]),
} as unknown as Config;

/** An attempt that began so many minutes ago; `wrote`: when its run last wrote to its journal. */
async function attempt(fields: {
  state: string;
  since: number;
  job?: string;
  run?: { state: string; wrote: number };
}): Promise<void> {
  const { state, since, job = "brief", run } = fields;
  const id = randomUUID();
  const { sql } = database;
  const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
  await sql`
    insert into job_slots (job, slot, cause, state, run_id, not_before) values (${job}, ${ago(since)}, 'clock', ${state}, ${id}, ${ago(since)})`;
  if (!run) return;
  await sql`
    insert into runs (id, conversation_id, lane, agent, principal, trigger, job, state, policy_hash, prompt_hash, started_at)
    values (${id}, ${id}, 'job:brief', 'ops', 'job:brief', 'job', ${job}, ${run.state}, '', '', ${ago(since)})`;
  await sql`
    insert into journal (run_id, seq, type, at, prev_hash, hash) values (${id}, 0, 'run.started', ${ago(since)}, '', ''),
      (${id}, 1, 'llm.requested', ${ago(run.wrote)}, '', '')`;
}

const stuckFor = async (): Promise<number> => {
  const [standing] = await jobStandings(database.sql, config);
  return Math.round((standing?.stuck?.seconds ?? 0) / 60);
};

test("an attempt that was not begun within its limit and ten minutes is stuck, and /readyz says which", async () => {
  await attempt({ state: "new", since: 14 });
  assert.equal(await stuckFor(), 0);
  assert.deepEqual(await jobsHealth(database.sql, config), { ok: true, reason: "none is stuck" });
  await database.sql`truncate job_slots`;
  await attempt({ state: "new", since: 17 });
  assert.equal(await stuckFor(), 17);
  const { ok, reason } = await jobsHealth(database.sql, config);
  assert.equal(ok, false);
  assert.match(reason, /^brief: the slot of \d{4}-\d\d-\d\dT\d\d:\d\d\S* waits to be begun for 17 min; see the log/);
});

test("one whose run still writes its journal is at work, however long ago it began", async () => {
  await attempt({ state: "running", since: 90, run: { state: "running", wrote: 3 } });
  assert.equal(await stuckFor(), 0);
});

test("one whose run has written nothing for that long is stuck", async () => {
  await attempt({ state: "running", since: 90, run: { state: "running", wrote: 40 } });
  assert.equal(await stuckFor(), 40);
  assert.match((await jobsHealth(database.sql, config)).reason, /^brief: the slot of \S+ does nothing for 40 min/);
});

test("one that waits for an approver, or for its time, is not", async () => {
  await attempt({ state: "running", since: 90, run: { state: "waiting", wrote: 80 } });
  await attempt({ state: "new", since: -30 });
  assert.equal(await stuckFor(), 0);
});

test("a job that the config has no more is stuck once its attempt is open for ten minutes", async () => {
  await attempt({ job: "gone", state: "new", since: 11 });
  const standing = (await jobStandings(database.sql, config)).find(({ job }) => job === "gone");
  assert.deepEqual(standing?.open, { new: 1, running: 0, delivering: 0 });
  assert.equal(Math.round((standing.stuck?.seconds ?? 0) / 60), 11);
});

test("ended attempts count nowhere", async () => {
  await attempt({ state: "failed", since: 90 });
  assert.deepEqual(await jobStandings(database.sql, config), [
    { job: "brief", open: { new: 0, running: 0, delivering: 0 }, stuck: undefined },
  ]);
});
