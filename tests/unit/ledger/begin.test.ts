import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { createInbox } from "../../../lib/ledger/inbox.ts";
import { readMailbox } from "../../../lib/ledger/mailbox.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
const keyring = createKeyring(newKey());

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** Two messages in a lane as a worker has read them, and a run that is to answer both. */
async function prepared(lane: string) {
  const { sql } = database;
  const entry = (source: string) =>
    ({ source, channel: "telegram", lane, kind: "message", state: "new", body: { text: source } }) as const;
  await createInbox(sql, keyring.bodies).accept([entry(`${lane}/1`), entry(`${lane}/2`)]);
  const { open } = await readMailbox(sql, keyring.bodies, lane);
  assert.equal(open.length, 2);
  const run = {
    id: randomUUID(),
    conversationId: randomUUID(),
    lane,
    agent: "ops",
    principal: "telegram:1",
    trigger: "chat",
    policyHash: "p",
    promptHash: "p",
  } as const;
  return { run, begun: beginRun(sql, keyring, run, open) };
}

const written = async (runId: string): Promise<number> => {
  const [row] = await database.sql<{ rows: number }[]>`
    select (select count(*) from runs where id = ${runId})::int + (select count(*) from run_keys where run_id = ${runId})::int
      + (select count(*) from journal where run_id = ${runId})::int
      + (select count(*) from inbox where run_id = ${runId})::int as rows`;
  return row?.rows ?? -1;
};

test("a run begins with its key, its journal and all of its messages", async () => {
  const { run, begun } = await prepared("whole");
  await begun.append([{ type: "run.resumed", policyHash: "0f" }]);
  assert.equal(await written(run.id), 5);
});

for (const [what, change] of [
  [
    "edited",
    (sql: TestDatabase["sql"], lane: string) =>
      sql`update inbox set body = ${Buffer.from("other")} where source = ${`${lane}/2`}`,
  ],
  [
    "redacted",
    (sql: TestDatabase["sql"], lane: string) =>
      sql`update inbox set state = 'ignored', body = null where source = ${`${lane}/1`}`,
  ],
] as const)
  test(`nothing of a run is written where one of its messages was ${what} since it was read`, async () => {
    const { run, begun } = await prepared(what);
    await change(database.sql, what);
    await assert.rejects(begun.append([{ type: "run.resumed", policyHash: "0f" }]), { code: "mailbox_changed" });
    assert.equal(await written(run.id), 0);
  });
