import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { type AuditKeys, createAuditKeys } from "../../../lib/audit/audit-keys.ts";
import { createRetention } from "../../../lib/audit/retention.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import { jobTurnId, keepTurn } from "../../../lib/ledger/turns.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let audit: AuditKeys;
let warnings: string[];
const plain = createKeyring(newKey());
const now = new Date();
const later = new Date(now.getTime() + 31 * 86_400_000);

before(async () => {
  database = await createTestDatabase();
  audit = createAuditKeys({ sql: database.sql, log: { error: () => assert.fail() } });
  await audit.use(await identityToRecipient(await generateIdentity()));
});
after(() => database.drop());
beforeEach(() => {
  warnings = [];
});

const retention = (days: number | undefined, sealed = true) =>
  createRetention({
    config: () => ({ audit: { gateway_retention_days: days } }) as never,
    sql: database.sql,
    keyring: sealed ? { ...plain, audit } : plain,
    log: { info: () => {}, warn: (_: object, text?: string) => void warnings.push(text ?? "") },
  });

interface Around {
  readonly trigger?: "chat" | "job";
  readonly parentRunId?: string;
  readonly sealed?: boolean;
}

/** A run that has ended, whose answer is still to be sent. Returns its id. */
async function ended({ trigger = "chat", parentRunId, sealed = true }: Around = {}): Promise<string> {
  const id = randomUUID();
  const place = { lane: `telegram:main:${id}`, agent: "ops", principal: "telegram:1", trigger, parentRunId } as const;
  const run = { id, conversationId: randomUUID(), ...place, policyHash: "p", promptHash: "p" };
  const open = beginRun(database.sql, sealed ? { ...plain, audit } : plain, run, []);
  await open.append([{ type: "run.resumed", policyHash: "p" }]);
  const destination = { channel: "telegram", bot: "main", chat: 1 } as const;
  await open.close([{ type: "run.finished", state: "done", text: "said" }], {
    ...{ state: "done", steps: 1, usage: {}, cost: undefined, taint: [], sender: undefined },
    turn: { messages: [{ role: "user", text: "asked" }], tokens: 1 },
    outbox: [{ key: `${id}:0`, lane: place.lane, destination, body: { text: "said" } }],
  } as never);
  return id;
}

const delivered = (id: string): Promise<unknown> => database.sql`update outbox set state = 'sent' where run_id = ${id}`;

/** Who opens a run: as the view for auditors has it. */
async function openedBy(id: string): Promise<string> {
  const [row] = await database.sql<{ by: string }[]>`select opened_by as by from audit_runs where run_id = ${id}`;
  return row?.by ?? "nobody";
}

async function readableBodies(id: string): Promise<number> {
  const [row] = await database.sql<{ count: number }[]>`
    select (select count(*)::int from outbox where run_id = ${id} and body <> '')
      + (select count(*)::int from turns where run_id = ${id}) as count`;
  return row?.count ?? -1;
}

test("a run is passed on once it is of age and delivered, and not before", async () => {
  const run = await ended();
  await retention(30)(later);
  assert.deepEqual([await openedBy(run), await readableBodies(run)], ["gateway", 2]);
  await delivered(run);
  await retention(30)(now);
  assert.deepEqual([await openedBy(run), await readableBodies(run)], ["gateway", 2]);
  await retention(30)(later);
  assert.deepEqual([await openedBy(run), await readableBodies(run)], ["operator", 0]);
});

test("without audit.gateway_retention_days nothing is dropped", async () => {
  const run = await ended();
  await delivered(run);
  await retention(undefined)(later);
  assert.deepEqual([await openedBy(run), await readableBodies(run)], ["gateway", 2]);
});

test("a run that nothing seals for the operator keeps the gateway's wrap, whatever its age", async () => {
  const run = await ended({ sealed: false });
  await delivered(run);
  await retention(30, false)(later);
  assert.deepEqual([await openedBy(run), await readableBodies(run)], ["gateway", 2]);
  await retention(30)(later);
  assert.equal(await openedBy(run), "operator");
});

test("what was asked for waits for the run that asked; what a job says, for the end of its delivery", async () => {
  const parent = await ended();
  const child = await ended({ parentRunId: parent });
  const job = await ended({ trigger: "job" });
  for (const id of [parent, child, job]) await delivered(id);
  await database.sql`update runs set state = 'waiting' where id = ${parent}`;
  await database.sql`insert into job_slots (job, slot, cause, state, run_id) values ('briefing', now(), 'clock', 'delivering', ${job})`;
  await retention(30)(later);
  assert.deepEqual(await Promise.all([parent, child, job].map(openedBy)), ["gateway", "gateway", "gateway"]);
  await database.sql`update runs set state = 'done' where id = ${parent}`;
  await database.sql`update job_slots set state = 'done'`;
  await retention(30)(later);
  assert.deepEqual(await Promise.all([parent, child, job].map(openedBy)), ["operator", "operator", "operator"]);
});

test("the turn that a job left in a chat goes with its run", async () => {
  const run = await ended({ trigger: "job" });
  await delivered(run);
  const id = jobTurnId(run, `telegram:main:${run}`);
  const place = { id, lane: `telegram:main:${run}`, agent: "ops", answers: true, principal: "job:briefing" } as const;
  await keepTurn(database.sql, plain.bodies, { ...place, tokens: 1, taint: [], messages: [] });
  const turns = async (): Promise<number> => (await database.sql`select 1 from turns where run_id = ${id}`).length;
  assert.equal(await turns(), 1);
  await retention(30)(later);
  assert.equal(await turns(), 0);
});

test("a run whose key is damaged is told once, and keeps no other from being passed on", async () => {
  const [broken, whole] = [await ended({ sealed: false }), await ended({ sealed: false })];
  await database.sql`update run_keys set wrapped = 'damaged' where run_id = ${broken}`;
  await delivered(broken);
  await delivered(whole);
  const pass = retention(30);
  await pass(later);
  await pass(later);
  assert.deepEqual(warnings, ["a run's key is damaged, so it cannot be sealed for the operator"]);
  assert.deepEqual([await openedBy(broken), await openedBy(whole)], ["gateway", "operator"]);
  await database.sql`delete from run_keys where run_id = ${broken}`;
});

test("more than a batch is passed on by one pass, and two passes at once share it", async () => {
  const runs: string[] = [];
  for (let made = 0; made < 250; made++) runs.push(await ended({ sealed: made % 2 === 0 }));
  await database.sql`update outbox set state = 'sent'`;
  await Promise.all([retention(30)(later), retention(30)(later)]);
  await retention(30)(later);
  const [left] = await database.sql<{ count: number }[]>`select count(*)::int from run_keys where wrapped is not null`;
  assert.equal(left?.count, 0);
  const [unsealed] = await database.sql<{ count: number }[]>`
    select count(*)::int from run_keys where run_id = any(${runs}::uuid[]) and audit_wrapped is null`;
  assert.equal(unsealed?.count, 0);
});
