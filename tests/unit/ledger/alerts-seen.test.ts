import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { type DrizzlePool, openDrizzle } from "../../../lib/db/drizzle.ts";
import { createAlertsSeen } from "../../../lib/ledger/alerts-seen.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import type { Alert } from "../../../lib/sources/alertmanager.ts";
import type { AlertsSeen } from "../../../lib/tools/alerts.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let pool: DrizzlePool;
let other: DrizzlePool;
let seen: AlertsSeen;
const { bodies } = createKeyring(newKey());

before(async () => {
  database = await createTestDatabase();
  pool = openDrizzle(database.url);
  other = openDrizzle(database.url);
  seen = createAlertsSeen(pool.database, bodies);
});
after(async () => {
  await pool.end();
  await other.end();
  await database.drop();
});
beforeEach(() => database.sql`truncate alerts_seen`);

/** The instant so many minutes after midnight. */
const minute = (minutes: number): Date => new Date(Date.UTC(2026, 6, 24, 0, minutes));
const alert = (fingerprint: string, startsAt: number, more: Partial<Alert> = {}): Alert => ({
  fingerprint,
  name: `Alert-${fingerprint}`,
  severity: "critical",
  startsAt: minute(startsAt).toISOString(),
  summary: "Something is wrong",
  labels: { alertname: `Alert-${fingerprint}` },
  silenced: false,
  ...more,
});
const look = (at: number, alerts: readonly Alert[], damaged = 0, by = seen): Promise<void> =>
  by.record({ alerts, damaged }, { at: minute(at), patienceMs: 15 * 60_000 });
/** Each that ended after the minute, as `fingerprint from-to` in minutes. */
async function endedSince(since: number): Promise<string[]> {
  const { ended } = await seen.endedSince(minute(since));
  const minutes = (iso = ""): number => (Date.parse(iso) - minute(0).getTime()) / 60_000;
  return ended.map(({ fingerprint, startsAt, endsAt }) => `${fingerprint} ${minutes(startsAt)}-${minutes(endsAt)}`);
}

test("an alert that is not found any more ended when that was seen", async () => {
  await look(5, [alert("a", 1), alert("b", 2)]);
  assert.deepEqual(await endedSince(0), []);
  await look(10, [alert("b", 2)]);
  await look(15, [alert("b", 2)]);
  assert.deepEqual(await endedSince(0), ["a 1-10"]);
  assert.deepEqual(await endedSince(10), []);
  const { ended } = await seen.endedSince(minute(0));
  assert.deepEqual(ended, [alert("a", 1, { endsAt: minute(10).toISOString() })]);
});

test("an alert that was to end by itself before it was missed ended then", async () => {
  await look(5, [
    alert("a", 1, { endsAt: minute(8).toISOString() }),
    alert("b", 1, { endsAt: minute(99).toISOString() }),
  ]);
  await look(10, []);
  assert.deepEqual(await endedSince(0), ["b 1-10", "a 1-8"]);
});

test("an alert that fires again is another one", async () => {
  await look(5, [alert("a", 1)]);
  await look(10, [alert("a", 7)]);
  await look(15, []);
  assert.deepEqual(await endedSince(0), ["a 7-15", "a 1-10"]);
});

test("an alert that is found again with the same start has not ended", async () => {
  await look(5, [alert("a", 1)]);
  await look(10, []);
  await look(15, [alert("a", 1)]);
  assert.deepEqual(await endedSince(0), []);
});

test("a look that comes late takes nothing back", async () => {
  await look(5, [alert("a", 1)]);
  await look(10, []);
  await look(7, [alert("a", 1)]);
  assert.deepEqual(await endedSince(0), ["a 1-10"]);
});

test("a look that could not read everything ends nothing", async () => {
  await look(5, [alert("a", 1), alert("b", 1)]);
  await look(10, [alert("b", 1)], 1);
  assert.deepEqual(await endedSince(0), []);
});

test("two gateways that look at once keep the same as one", async () => {
  const second = createAlertsSeen(other.database, bodies);
  const alerts = [alert("a", 1), alert("b", 2), alert("b", 2)];
  await Promise.all([look(5, alerts), look(5, alerts, 0, second), look(5, alerts), look(5, alerts, 0, second)]);
  await Promise.all([look(10, []), look(10, [], 0, second)]);
  assert.deepEqual((await endedSince(0)).sort(), ["a 1-10", "b 2-10"]);
  const [{ rows } = { rows: 0 }] = await database.sql<
    { rows: number }[]
  >`select count(*)::int as rows from alerts_seen`;
  assert.equal(rows, 3);
});

test("what is known begins with the first look, and anew after a pause that is too long", async () => {
  const knownFrom = async (): Promise<Date | undefined> => (await seen.endedSince(minute(0))).knownFrom;
  assert.equal(await knownFrom(), undefined);
  await look(5, []);
  await look(20, []);
  assert.deepEqual(await knownFrom(), minute(5));
  await look(36, []);
  assert.deepEqual(await knownFrom(), minute(36));
});

test("alerts that ended 30 days ago are forgotten, and those that fire are not", async () => {
  const day = 1_440;
  await look(5, [alert("a", 1), alert("b", 1)]);
  await look(10, [alert("b", 1)]);
  await look(10 + 30 * day, [alert("b", 1)]);
  assert.deepEqual(await endedSince(0), ["a 1-10"]);
  await look(11 + 30 * day, [alert("b", 1)]);
  assert.deepEqual(await endedSince(0), []);
  const rows = await database.sql`select fingerprint from alerts_seen where fingerprint <> ''`;
  assert.deepEqual([...rows], [{ fingerprint: "b" }]);
});

test("labels, names and summaries are sealed", async () => {
  await look(5, [alert("a", 1)]);
  const rows = await database.sql<{ body: Buffer }[]>`select body from alerts_seen`;
  assert.equal(rows.length, 2);
  for (const { body } of rows) assert.doesNotMatch(body.toString("latin1"), /Alert-a|wrong|critical/);
});
