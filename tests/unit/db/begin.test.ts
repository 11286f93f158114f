import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let sql: Sql;
before(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { max: 1 });
  await sql`create table kept (id int)`;
});
after(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

/** Ends the connection of the transaction from outside, as a restart of the server does. */
const cut = async (pid: number | undefined): Promise<void> => {
  await database.sql`select pg_terminate_backend(${pid ?? 0})`;
};

test("a transaction whose connection is lost rejects, whatever it still does, and the next one works", async () => {
  for (const further of [true, false])
    await assert.rejects(
      sql.begin(async (tx) => {
        const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`;
        await tx`insert into kept values (1)`;
        await cut(row?.pid);
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (further) await tx`insert into kept values (2)`;
      }),
      /CONNECTION|terminat|lost/i,
    );
  assert.equal(await sql.begin(async (tx) => (await tx`insert into kept values (3) returning id`).length), 1);
  assert.deepEqual(
    (await sql<{ id: number }[]>`select id from kept`).map(({ id }) => id),
    [3],
  );
});

test("what a transaction throws by itself is what it rejects with, and nothing of it is kept", async () => {
  await assert.rejects(
    sql.begin(async (tx) => {
      await tx`insert into kept values (4)`;
      throw new RangeError("ours");
    }),
    RangeError,
  );
  assert.equal((await sql`select 1 from kept where id = 4`).length, 0);
});
