import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "../../../lib/db/client.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const pidOf = async (sql: ReturnType<typeof connect>): Promise<number> => {
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return row?.pid ?? 0;
};

test("a connection that breaks with a query just written is made again, each time", async () => {
  for (let round = 0; round < 10; round++) {
    // The loss of the first makes a query on the second, whose loss is being told in the same turn of the event loop.
    const first = connect(database.url, { max: 1, onclose: () => void second`select 1`.catch(() => {}) });
    const second = connect(database.url, { max: 1 });
    try {
      const pids = [await pidOf(first), await pidOf(second)];
      await database.sql`select pg_terminate_backend(pid) from unnest(${pids}::int[]) as pid`;
      const again = await until(
        () => second`select 1 as one`.catch(() => []),
        ({ length }) => length === 1,
        5_000,
      );
      assert.equal(again[0]?.["one"], 1);
    } finally {
      await Promise.all([first.end({ timeout: 0 }), second.end({ timeout: 0 })]);
    }
  }
});
