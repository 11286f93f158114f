import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FollowedRow, followRows } from "../../../lib/audit/follow.ts";
import type { RunFilter } from "../../../lib/audit/filter.ts";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;
const keyring = createKeyring(newKey());

before(async () => {
  database = await createTestDatabase({ max: 8 });
});
after(() => database.drop());

/** A run of so many rows, written as a gateway writes them. */
async function write(sql: Sql, agent: string, rows: number): Promise<string> {
  const id = randomUUID();
  const facts = { conversationId: id, lane: "telegram:1", agent, principal: "telegram:1", trigger: "chat" } as const;
  const open = beginRun(sql, keyring, { id, ...facts, policyHash: "p", promptHash: "q" }, []);
  for (let n = 0; n < rows; n++) await open.append([{ type: "llm.requested", backend: "main", model: `m${n}` }]);
  return id;
}

/** Collects what is followed while `work` goes on and until there are `count` rows; then a little longer, for what is too much. */
async function following(filter: RunFilter, count: number, work: () => Promise<unknown>): Promise<FollowedRow[]> {
  const sql = connect(database.url, { max: 1 });
  const stop = new AbortController();
  const rows: FollowedRow[] = [];
  const reading = (async () => {
    for await (const row of followRows(sql, filter, { signal: stop.signal, pause: 5 })) rows.push(row);
  })();
  await until(
    async () =>
      (
        await database.sql`select 1 from pg_stat_activity where query like '%pg_visible_in_snapshot%' and pid <> pg_backend_pid() and datname = current_database()`
      ).length > 0,
  );
  await work();
  await until(async () => rows.length >= count);
  await sleep(100);
  stop.abort();
  await reading;
  await sql.end();
  return rows;
}

const places = (rows: readonly FollowedRow[]): string[] => rows.map(({ runId, seq }) => `${runId} ${seq}`);

test("each row is followed once, in order within its run, under concurrent writers", async () => {
  await write(database.sql, "before", 3);
  let runs: string[] = [];
  const rows = await following({}, 240, async () => {
    runs = await Promise.all(Array.from({ length: 12 }, () => write(database.sql, "ops", 20)));
  });
  assert.deepEqual(
    places(rows).toSorted(),
    runs.flatMap((id) => Array.from({ length: 20 }, (_, seq) => `${id} ${seq}`)).toSorted(),
  );
  for (const id of runs) {
    const order = rows.filter(({ runId }) => runId === id).map(({ seq }) => seq);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  }
});

test("a row that is committed long after later ones is not passed over", async () => {
  let late = "";
  const rows = await following({}, 4, async () => {
    const slow = connect(database.url, { max: 1 });
    await slow.begin(async (tx) => {
      late = await write(tx as never, "late", 1);
      await write(database.sql, "early", 2);
      await sleep(100);
    });
    await write(database.sql, "last", 1);
    await slow.end();
  });
  assert.deepEqual(
    rows.map(({ agent }) => agent),
    ["early", "early", "late", "last"],
  );
  assert.equal(rows[2]?.runId, late);
});

test("since and filters: what was written before comes first, and only what is asked for", async () => {
  const since = new Date();
  const old = await write(database.sql, "picky", 2);
  await write(database.sql, "ops", 2);
  let fresh = "";
  const rows = await following({ since, agent: "picky" }, 4, async () => {
    fresh = await write(database.sql, "picky", 2);
  });
  assert.deepEqual(places(rows), [`${old} 0`, `${old} 1`, `${fresh} 0`, `${fresh} 1`]);
  assert.equal(rows[0]?.columns.request_model, "m0");
});
