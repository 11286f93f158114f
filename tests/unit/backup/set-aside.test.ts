import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { setAside } from "../../../lib/backup/set-aside.ts";
import { endAbandoned } from "../../../lib/audit/checkpoint-abandoned.ts";
import type { Job } from "../../../lib/config/config.ts";
import { askForSlot } from "../../../lib/jobs/ask.ts";
import { sweep } from "../../../lib/queue/sweep.ts";
import { createTestDatabase } from "../../support/database.ts";

const database = await createTestDatabase();
const { sql } = database;
after(() => database.drop());

const now = new Date("2026-11-27T14:00:00Z");
const job = { ...{ name: "brief", schedule: "0 8 * * *", timezone: "UTC", catch_up: "latest" } } as unknown as Job;
const bytes = randomBytes(30);

async function fill(): Promise<void> {
  const states = ["running", "waiting", "done"];
  const runs = states.map((state) => ({ id: randomUUID(), state }));
  for (const { id, state } of runs) {
    await sql`
      insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash)
      values (${id}, ${id}, 'telegram:main:1', 'ops', 'telegram:1', 'chat', ${state}, 'p', 'q')`;
    await sql`
      insert into inbox (source, channel, lane, kind, state, run_id, body)
      values (${id}, 'telegram', 'telegram:main:1', 'message', ${state}, ${id}, ${bytes})`;
  }
  for (const kind of ["message", "control", "membership", "encrypted"])
    await sql`
      insert into inbox (source, channel, lane, kind, state, body) values (${kind}, 'matrix', 'm', ${kind}, 'new', ${bytes})`;
  for (const state of ["pending", "sending", "sent", "failed"])
    await sql`
      insert into outbox (key, lane, destination, body, state, worker)
      values (${state}, 'telegram:main:1', ${sql.json({ channel: "telegram", bot: "main", chat: 1 })}, ${bytes}, ${state}, 'gone')`;
  for (const [code, state] of [
    ["aaaaaa", "pending"],
    ["bbbbbb", "approved"],
  ] as const)
    await sql`
      insert into approvals (code, run_id, seq, call_hash, agent, tool, principal, lane, rule, body, state, expires_at)
      values (${code}, ${runs[1]?.id ?? ""}, ${code === "aaaaaa" ? 1 : 2}, 'h', 'ops', 't', 'telegram:1', 'l', 'r', ${bytes}, ${state}, ${new Date("2030-01-01")})`;
  for (const [day, state] of [
    ["24", "done"],
    ["25", "new"],
    ["26", "delivering"],
  ] as const)
    await sql`
      insert into job_slots (job, slot, cause, state, run_id)
      values ('brief', ${new Date(`2026-11-${day}T08:00:00Z`)}, 'timer', ${state}, ${randomUUID()})`;
  for (const [key, cron, next] of [
    ["once", null, "2026-11-27T13:00:00Z"],
    ["weekly", "0 9 * * 1", "2026-11-23T09:00:00Z"],
    ["later", null, "2026-12-24T18:00:00Z"],
  ] as const)
    await sql`
      insert into schedules (call_key, principal, agent, lane, destination, shared, cron, timezone, body, next_at)
      values (${key}, 'telegram:1', 'ops', 'l', '{}', false, ${cron}, 'UTC', ${bytes}, ${new Date(next)})`;
  await sql`
    insert into matrix_devices (user_id, device_id, epoch, sync_token, store_schema, identity, master_key, ed25519)
    values ('@a:x', 'DEV', 3, 's1', '{}', ${bytes}, 'master', 'ed')`;
  await sql`insert into matrix_crypto (user_id, database, store, key, value) values ('@a:x', 'd', 's', 'k', 'v')`;
  await sql`insert into matrix_requests (user_id, kind, asked) values ('@a:x', 'verify', '{}')`;
  await sql`insert into ops_sessions (hash, kind, expires_at) values (${bytes}, 'session', ${new Date("2030-01-01")})`;
}

const column = async (
  query: Promise<readonly Record<string, unknown>[]> | PromiseLike<readonly object[]>,
): Promise<string[]> => [...(await query)].map((row) => Object.values(row).map(String).join(" "));

const isKnown = (name: string, since: string): Promise<unknown> =>
  sql`insert into jobs (name, known_since) values (${name}, ${new Date(since)})`.execute();

test("what was under way in a backup is set aside once, told, and nothing takes it up again", async () => {
  await fill();
  await isKnown("brief", "2026-11-20T00:00:00Z");
  const found = await sql.begin((tx) => setAside(tx, [job], now));
  assert.deepEqual(found, { sends: 2, runs: 2, messages: 3, questions: 1, slots: 3, reminders: 2, devices: 1 });

  const reason = "restored from a backup: it may have been done since";
  assert.deepEqual(await column(sql`select key, state from outbox order by id`), [
    ...["pending unknown", "sending unknown", "sent sent", "failed failed"],
  ]);
  assert.deepEqual(await column(sql`select distinct reason from outbox where state = 'unknown'`), [reason]);
  assert.deepEqual(await column(sql`select state from runs order by state`), ["done", "failed", "failed"]);
  assert.deepEqual(await column(sql`select kind, state from inbox where run_id is null order by id`), [
    ...["message ignored", "control ignored", "membership new", "encrypted ignored"],
  ]);
  assert.deepEqual(await column(sql`select distinct state from inbox where run_id is not null`), ["done"]);
  // Kept, so that the operator can have it answered all the same.
  assert.deepEqual([...(await sql`select 1 from inbox where body is null`)], []);
  assert.deepEqual(await column(sql`select code, state from approvals order by code`), [
    "aaaaaa cancelled",
    "bbbbbb approved",
  ]);
  assert.deepEqual(
    await column(
      sql`select extract(day from slot at time zone 'UTC'), state, coalesce(reason, '') from job_slots order by slot`,
    ),
    [
      "24 done ",
      `25 missed ${reason}; run it by hand: claw jobs rerun brief`,
      `26 failed ${reason}; run it by hand: claw jobs rerun brief`,
      `27 missed ${reason}; run it by hand: claw jobs rerun brief --slot 2026-11-27T08:00`,
    ],
  );
  const next = await sql<
    { key: string; next: Date | null }[]
  >`select call_key as key, next_at as next from schedules order by id`;
  assert.deepEqual(
    next.map(({ key, next: at }) => [key, at?.toISOString()]),
    [
      ["once", undefined],
      ["weekly", "2026-11-30T09:00:00.000Z"],
      ["later", "2026-12-24T18:00:00.000Z"],
    ],
  );
  const [device] =
    await sql`select device_id, epoch, sync_token, store_schema, identity is not null as kept, master_key from matrix_devices`;
  assert.deepEqual(
    { ...device },
    { device_id: "DEV", epoch: 3, sync_token: null, store_schema: null, kept: true, master_key: "master" },
  );
  for (const table of ["matrix_crypto", "ops_sessions"])
    assert.equal((await sql`select 1 from ${sql(table)}`).length, 0);

  const again = await sql.begin((tx) => setAside(tx, [job], now));
  assert.deepEqual(again, { sends: 0, runs: 0, messages: 0, questions: 0, slots: 0, reminders: 0, devices: 0 });
  // A timer that makes up for what it missed asks for the occurrence that is there, and nothing begins.
  const asked = await askForSlot(
    { sql, wake: () => assert.fail("nothing is to be done"), now: () => now },
    { job, cause: "timer" },
  );
  assert.deepEqual([asked.created, asked.slot.state], [false, "missed"]);
  const { lanes, jobs, unknown, sendsAgain } = await sweep(sql, 0);
  assert.deepEqual([lanes.length, unknown.length, sendsAgain, jobs], [0, 0, 0, 0]);
});

test("the journal of a run that was set aside is ended, as that of any run that was given up", async () => {
  await endAbandoned(sql, new Date(now.getTime() + 3_600_000));
  const ends = await sql<{ type: string; finish_reason: string; error_type: string }[]>`
    select type, finish_reason, error_type from journal`;
  assert.deepEqual(
    ends.map((end) => ({ ...end })),
    Array.from({ length: 2 }, () => ({ type: "run.finished", finish_reason: "failed", error_type: "environment" })),
  );
});

test("an occurrence from before its job was known is not missed: the backup's gateway never waited for it", async () => {
  const named = (name: string): Job => ({ ...job, name });
  await isKnown("at-eight", "2026-11-27T08:00:00Z");
  await isKnown("after-eight", "2026-11-27T08:00:01Z");
  const jobs = [named("at-eight"), named("after-eight"), named("only-in-the-config")];
  const found = await sql.begin((tx) => setAside(tx, jobs, now));
  assert.equal(found.slots, 1);
  const rows = sql`select job, state from job_slots where job <> 'brief'`;
  assert.deepEqual(await column(rows), ["at-eight missed"]);
});
