import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClawError } from "../../../lib/errors.ts";
import { createLog } from "../../../lib/log.ts";
import { lockClass, Locks } from "../../../lib/queue/locks.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;
let one: Locks;
let two: Locks;

before(async () => {
  database = await createTestDatabase();
  [one, two] = [new Locks(database.url, createLog("silent")), new Locks(database.url, createLog("silent"))];
});
after(async () => {
  await Promise.all([one.close(), two.close()]);
  await database.drop();
});

const held = async (kind: keyof typeof lockClass, name: string): Promise<boolean> => {
  const [row] = await database.sql<{ held: boolean }[]>`
    select exists (select 1 from pg_locks where locktype = 'advisory' and granted and classid = ${lockClass[kind]}::oid
      and objid = (hashtext(${name})::bigint & 4294967295)::oid) as held`;
  return row?.held ?? false;
};

const take = async (locks: Locks, lane: string): Promise<AbortSignal | undefined> =>
  (await locks.tryLane(lane, async () => undefined))?.signal;

test("what is read with a lock is read once it is held", async () => {
  const locked = await one.tryLane("read", async (sql) => {
    const [row] = await sql<{ held: boolean }[]>`
      select exists (select 1 from pg_locks where pid = pg_backend_pid() and classid = ${lockClass.lane}::oid
        and objid = (hashtext('read')::bigint & 4294967295)::oid) as held`;
    return row?.held;
  });
  assert.equal(locked?.value, true);
  if (locked) await one.releaseLane("read", locked.signal);
});

test("a lane whose reading fails is let go of", async () => {
  await assert.rejects(
    one.tryLane("unread", () => Promise.reject(new Error("cannot be read"))),
    /cannot be read/,
  );
  assert.ok(!(await held("lane", "unread")));
});

test("a lane belongs to one process until it is released", async () => {
  const signal = await take(one, "lane");
  assert.ok(signal);
  assert.equal(await take(two, "lane"), undefined);
  await one.releaseLane("lane", signal);
  const other = await take(two, "lane");
  assert.ok(other);
  await two.releaseLane("lane", other);
});

test("a process is known to be alive by its name and every name it announces", async () => {
  await one.announce("pool-1");
  assert.ok(await held("worker", one.worker));
  assert.ok(await held("worker", "pool-1"));
  assert.ok(!(await held("worker", "pool-2")));
});

test("with the connection the lanes are lost and told so, and the names are locked again unasked", async () => {
  const signal = await take(one, "lost");
  assert.ok(signal);
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'openclaw locks' and datname = current_database()`;
  await until(async () => signal.aborted);
  await until(() => held("worker", "pool-1"));
  assert.ok(!(await held("lane", "lost")));
  // Released late: it must not take away what another has by now.
  const other = await until(() => take(two, "lost").catch(() => undefined));
  await one.releaseLane("lost", signal);
  assert.ok(await held("lane", "lost"));
  if (other) await two.releaseLane("lost", other);
});

test("a process that may not work on the database does not begin, and one that may not any more is told when it connects again", async () => {
  const told: string[] = [];
  const log = createLog("silent");
  let allowed = false;
  const locks = new Locks(database.url, log, {
    check: async () => {
      if (!allowed) throw new ClawError("config_invalid", "it has another key");
    },
    refused: ({ message }) => told.push(message),
  });
  await assert.rejects(locks.open(), { message: "it has another key" });
  assert.equal(told.length, 0);

  allowed = true;
  const working = new Locks(database.url, log, {
    check: async () => {
      if (!allowed) throw new ClawError("config_invalid", "it was sealed with another key meanwhile");
    },
    refused: ({ message }) => told.push(message),
  });
  await working.open();
  allowed = false;
  await database.sql`
    select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and objid = (hashtext(${working.worker})::bigint & 4294967295)::oid`;
  await until(async () => told.length > 0);
  assert.equal(told[0], "it was sealed with another key meanwhile");
  await working.close();
});
