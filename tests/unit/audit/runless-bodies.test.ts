import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, beforeEach, before, test } from "node:test";
import { createRunlessSweep } from "../../../lib/audit/runless-bodies.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
const before30 = new Date(Date.now() - 30 * 86_400_000);

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate inbox, outbox`;
});

/** Rows of the inbox that came so many days ago. */
async function came(count: number, days: number, state = "denied", run: string | null = null): Promise<void> {
  await database.sql`
    insert into inbox (source, channel, lane, kind, state, body, run_id, received_at)
    select gen_random_uuid()::text, 'telegram', 'telegram:main:1', 'message', ${state}, 'sealed', ${run}::uuid,
      now() - ${days}::int * interval '1 day'
    from generate_series(1, ${count}::int)`;
}

async function went(count: number, days: number, state = "sent"): Promise<void> {
  await database.sql`
    insert into outbox (key, lane, destination, body, ciphertext, state, created_at)
    select gen_random_uuid()::text, 'telegram:main:1', '{}', 'sealed', 'encrypted', ${state}, now() - ${days}::int * interval '1 day'
    from generate_series(1, ${count}::int)`;
}

const left = async (): Promise<{ inbox: number; outbox: number }> => {
  const [row] = await database.sql<{ inbox: number; outbox: number }[]>`
    select (select count(*)::int from inbox where body is not null) as inbox,
      (select count(*)::int from outbox where body <> '' or ciphertext is not null) as outbox`;
  return row ?? { inbox: -1, outbox: -1 };
};

test("what is of age loses its body, over as many pages as it takes; what is not, and what a run has, keeps it", async () => {
  await came(2_500, 31);
  await came(3, 31, "done", randomUUID());
  await came(7, 29);
  await went(1_200, 31);
  await went(5, 29);
  const sweep = createRunlessSweep(database.sql);
  assert.equal(await sweep(before30), 3_700);
  assert.deepEqual(await left(), { inbox: 10, outbox: 5 });
  assert.equal(await sweep(before30), 0);
});

test("what was still at work is dropped once it has ended, and does not keep what is behind it", async () => {
  await went(1, 40, "pending");
  await went(1_500, 31);
  await came(1, 40, "new");
  await came(10, 31);
  const sweep = createRunlessSweep(database.sql);
  assert.equal(await sweep(before30), 1_510);
  assert.deepEqual(await left(), { inbox: 1, outbox: 1 });
  await database.sql`update outbox set state = 'failed'`;
  await database.sql`update inbox set state = 'done'`;
  assert.equal(await sweep(before30), 2);
});

test("what comes of age later is found by the same sweep", async () => {
  const sweep = createRunlessSweep(database.sql);
  assert.equal(await sweep(before30), 0);
  await came(4, 29);
  assert.equal(await sweep(before30), 0);
  assert.equal(await sweep(new Date(before30.getTime() + 2 * 86_400_000)), 4);
});

test("one pass is bounded, and the next goes on where it stopped", async () => {
  await came(21_000, 31);
  const sweep = createRunlessSweep(database.sql);
  assert.equal(await sweep(before30), 20_000);
  assert.equal(await sweep(before30), 1_000);
});
