/** docs/audit.md against the database it tells of: its columns are those there are, and its queries answer, as the role that reads. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Sql } from "../../../lib/db/client.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import type { Run } from "../../../lib/ledger/run.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { loadJournal } from "../../bench/journal-load.ts";

const page = readFileSync(new URL("../../../docs/audit.md", import.meta.url), "utf8");
const queries = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, query = ""]) => query.trim());
let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
  await loadJournal(database.sql, { rows: 3_000, days: 3 });
  await aCallInTheDark();
});
after(() => database.drop());

/** What the generated runs have not: a call that was allowed after something of others was read, and of which nobody knows what came of it. */
async function aCallInTheDark(): Promise<void> {
  const id = randomUUID();
  const run: Run = {
    ...{ id, conversationId: id, lane: "telegram:1", agent: "ops", principal: "telegram:1", trigger: "chat" },
    ...{ policyHash: "p", promptHash: "q" },
  };
  const call = { id: "call_1", name: "http_post", arguments: "{}" };
  const facts = { call, known: true, taint: ["web"] } as const;
  await beginRun(database.sql, createKeyring(newKey()), run, []).append([
    { type: "tool.requested", ...facts, decision: "allow", rule: 'agents.ops.tools "*"' },
    { type: "tool.finished", ...facts, result: "", outcome: "unknown", milliseconds: 0 },
  ]);
}

const asAuditor = <Of>(work: (sql: Sql) => Promise<Of>): Promise<Of> =>
  database.sql.begin(async (tx) => {
    await tx`set local role openclaw_audit`;
    return work(tx as never);
  }) as Promise<Of>;

test("the views have the columns that the page names, in that order", async () => {
  const views = [...page.matchAll(/^- `(audit_\w+)`, [^:]*: (.*)$/gm)];
  assert.equal(views.length, 5);
  for (const [, view = "", columns = ""] of views) {
    const found = await database.sql<{ name: string }[]>`
      select attname as name from pg_attribute where attrelid = ${view}::regclass and attnum > 0 order by attnum`;
    assert.deepEqual(
      [...columns.matchAll(/`(\w+)`/g)].map(([, name]) => name),
      found.map(({ name }) => name),
      view,
    );
  }
});

test("the page has ten queries, and the role that reads may ask each of them", async () => {
  assert.equal(queries.length, 10);
  for (const query of queries) await asAuditor((sql) => sql.unsafe(query));
});

test("the queries find what is there", async () => {
  const [row] = await database.sql<{ id: string; run: string }[]>`
    select provider_request_id as id, run_id as run from journal where provider_request_id is not null limit 1`;
  assert.ok(row);
  const answers = await asAuditor(async (sql) => {
    const found: Record<string, unknown>[][] = [];
    for (const query of queries) found.push([...(await sql.unsafe(query.replaceAll("req_1", row.id)))]);
    return found;
  });
  assert.deepEqual(
    answers[0]?.map((found) => found["run_id"]),
    [row.run],
  );
  for (const [index, found] of answers.entries()) assert.ok(found.length > 0, queries[index]);
  const [agents] = await database.sql<{ cost: number }[]>`
    select sum(cost)::float8 as cost from journal where at >= date_trunc('month', now())::date and type like 'llm.%'`;
  const total = answers[1]?.reduce((sum, { cost }) => sum + Number(cost), 0) ?? 0;
  assert.ok(Math.abs(total - (agents?.cost ?? 0)) < 1e-9);
});
