import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createInbox, type Inbox, type InboxEntry, inboxSeal } from "../../../lib/ledger/inbox.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let inbox: Inbox;
const keyring = createKeyring(newKey());

before(async () => {
  database = await createTestDatabase();
  inbox = createInbox(database.sql, keyring.bodies);
});
after(() => database.drop());

const entry = (source: string, lane: string, more: Partial<InboxEntry> = {}): InboxEntry => ({
  source,
  channel: "telegram",
  lane,
  kind: "message",
  state: "new",
  body: { text: "canary" },
  ...more,
});

const jobs = (kind: string) =>
  database.sql`select key from graphile_worker._private_jobs where key like ${`${kind}:%`}`;

test("a message is its own work, and needs no job", async () => {
  const taken = await inbox.accept([entry("a1", "a"), entry("a2", "a"), entry("a3", "b")]);
  assert.deepEqual([...taken].sort(), ["a1", "a2", "a3"]);
  const rows = await database.sql`select 1 from inbox where source like 'a%' and state = 'new'`;
  assert.equal(rows.length, 3);
  assert.equal((await database.sql`select 1 from graphile_worker._private_jobs`).length, 0);
});

test("a command and a membership get a job each, in the same transaction as a message beside them", async () => {
  await inbox.accept([
    entry("b1", "b"),
    entry("b2", "b", { kind: "control" }),
    entry("b3", "b", { kind: "membership" }),
  ]);
  assert.equal((await jobs("control")).length, 1);
  assert.equal((await jobs("membership")).length, 1);
});

test("what is pushed again is neither kept nor given a job", async () => {
  await inbox.accept([entry("c1", "c", { kind: "control" })]);
  await database.sql`delete from graphile_worker._private_jobs`;
  assert.equal((await inbox.accept([entry("c1", "c", { kind: "control" })])).has("c1"), false);
  assert.equal((await jobs("control")).length, 0);
  assert.equal((await database.sql`select 1 from inbox where source = 'c1'`).length, 1);
});

test("one push repeated and concurrent, five times over, is kept once", async () => {
  await Promise.all(Array.from({ length: 5 }, () => inbox.accept([entry("d1", "d")])));
  assert.equal((await database.sql`select 1 from inbox where source = 'd1'`).length, 1);
});

test("a command that is only recorded gets no job", async () => {
  await inbox.accept([entry("e1", "e", { kind: "control", state: "denied", reason: "stranger" })]);
  assert.equal((await jobs("control")).length, 0);
});

test("an entry the database refuses fails its own caller and no other", async () => {
  const results = await Promise.allSettled([
    inbox.accept([entry("f1", "f")]),
    inbox.accept([entry("f2\u0000", "f")]),
    inbox.accept([entry("f3", "f")]),
  ]);
  assert.deepEqual(
    results.map((result) => result.status),
    ["fulfilled", "rejected", "fulfilled"],
  );
});

test("bodies are sealed to their row", async () => {
  await inbox.accept([entry("g1", "g")]);
  const [row] = await database.sql<{ body: Uint8Array }[]>`select body from inbox where source = 'g1'`;
  assert.ok(row);
  assert.equal(Buffer.from(row.body).includes("canary"), false);
  assert.deepEqual(keyring.bodies.openJson(row.body, inboxSeal("g1")), { text: "canary" });
  assert.throws(() => keyring.bodies.openJson(row.body, inboxSeal("g2")), /cannot be opened/);
});
