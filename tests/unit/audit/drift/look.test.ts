import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { lookAt } from "../../../../lib/audit/drift/look.ts";
import { endedSince, kindsOf, readRuns } from "../../../../lib/audit/drift/read-runs.ts";
import { watchDrift } from "../../../../lib/audit/drift/watch.ts";
import type { Notice } from "../../../../lib/conversation/report.ts";
import { createKeyring, newKey } from "../../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { record } from "../../../support/drift/record.ts";
import { featuresOf, traffic } from "../../../support/drift/traffic.ts";

let database: TestDatabase;
const keyring = createKeyring(newKey());
const minuteMs = 60_000;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** `watchDrift` at an agent whose runs are all in the past: looks once, as of after the last of them. */
async function watched(now: Date, watch = true): Promise<Notice[]> {
  const notices: Notice[] = [];
  const each = watchDrift({
    config: () => ({ drift: { watch, baseline_runs: 300 }, timezone: "Europe/Berlin" }),
    sql: database.sql,
    report: async (notice) => void notices.push(notice),
  });
  await each(now);
  return notices;
}

const after5 = (at: Date | undefined): Date => new Date((at?.getTime() ?? 0) + 5 * minuteMs);

describe("what is read of runs", () => {
  test("is what their journals hold", async () => {
    const runs = traffic({ seed: 4, runs: 120, shape: "chat" });
    await record(database.sql, keyring, runs, { agent: "read" });
    const expected = runs
      .map(featuresOf)
      .map((run) => ({ ...run, cost: run.cost === null ? null : Number(run.cost.toFixed(6)) }));
    assert.deepEqual(await readRuns(database.sql, "read", "chat", 500), expected);
    assert.deepEqual(await readRuns(database.sql, "read", "chat", 7), expected.slice(-7));
    const [failures, denials] = [expected.filter(({ failed }) => failed), expected.filter((run) => run.toolErrors > 0)];
    assert.ok(failures.length > 0 && denials.length > 0, "the traffic has something of each");
  });

  test("is of chats and of each job apart, without replays and what was cancelled", async () => {
    const { sql } = database;
    const [chats, job] = [traffic({ seed: 2, runs: 6, shape: "chat" }), traffic({ seed: 3, runs: 4, shape: "job" })];
    await record(sql, keyring, chats, { agent: "kinds" });
    await record(sql, keyring, job, { agent: "kinds", job: "digest" });
    assert.deepEqual(await kindsOf(sql, "kinds"), ["chat", "job:digest"]);
    assert.equal((await readRuns(sql, "kinds", "job:digest", 100)).length, 4);
    await sql`update runs set trigger = 'replay' where id = ${chats[0]?.id ?? ""}`;
    await sql`update runs set state = 'cancelled' where id = ${chats[1]?.id ?? ""}`;
    await sql`update runs set job = 'schedule:7', trigger = 'job' where id = ${chats[2]?.id ?? ""}`;
    assert.deepEqual(
      (await readRuns(sql, "kinds", "chat", 100)).map(({ id }) => id),
      chats.slice(3).map(({ id }) => id),
    );
    assert.equal((await readRuns(sql, "kinds", "schedule", 100)).length, 1);
    const since = new Date((chats[0]?.startedAt.getTime() ?? 0) - minuteMs);
    const ended = (await endedSince(sql, since)).filter(({ agent }) => agent === "kinds");
    assert.deepEqual(
      ended.map(({ kind, runs }) => [kind, runs]),
      [
        ["chat", 3],
        ["job:digest", 4],
        ["schedule", 1],
      ],
    );
  });
});

describe("a look", () => {
  test("tells of a new tool habit once, in a message with the numbers and two runs, and never of the time before", async () => {
    const runs = traffic({ seed: 4, runs: 330, shape: "chat", fault: { kind: "new tool", from: 300 } });
    await record(database.sql, keyring, runs.slice(0, 300), { agent: "habit" });
    assert.deepEqual(await watched(after5(runs[299]?.startedAt)), []);
    await record(database.sql, keyring, runs.slice(300), { agent: "habit" });
    const now = after5(runs[329]?.startedAt);
    const notices = await watched(now);
    assert.equal(notices.length, 1);
    assert.match(
      notices[0]?.text ?? "",
      /\*\*habit behaves otherwise than before\*\*, in chats:\n\n- runs that use `http_post`: 0 % → \d+(\.\d)? %/,
    );
    const shown = [...(notices[0]?.text ?? "").matchAll(/claw audit show ([0-9a-f-]{36})/g)].map(([, id]) => id);
    const having = runs.filter(({ tools }) => tools.some(({ name }) => name === "http_post")).map(({ id }) => id);
    assert.equal(shown.length, 2);
    assert.ok(shown.every((id) => having.includes(id ?? "")));
    assert.deepEqual(await watched(now), []);
    const look = await lookAt(database.sql, { agent: "habit", kind: "chat", baselineRuns: 300, now });
    assert.deepEqual([look.fresh, look.joined], [[], []]);
    assert.equal(
      look.states.find(({ metric }) => metric === "tools"),
      undefined,
      "its baseline begins anew",
    );
    assert.ok(look.alerts.some(({ finding }) => finding.tool === "http_post"));
  });

  test("tells at once that another model serves, and of what follows from it nothing more", async () => {
    const runs = traffic({ seed: 5, runs: 62, shape: "job", fault: { kind: "served model", from: 60 } });
    await record(database.sql, keyring, runs.slice(0, 61), { agent: "served", job: "digest" });
    const first = await watched(after5(runs[60]?.startedAt));
    assert.equal(first.length, 1);
    assert.match(first[0]?.text ?? "", /in the job digest:\n\n- runs served by `llama-4-scout`: 0 % → 100 %/);
    assert.match(first[0]?.text ?? "", /Likely cause: served model `gpt-5-mini-2026-01` → `llama-4-scout`/);
    await record(database.sql, keyring, runs.slice(61), { agent: "served", job: "digest" });
    assert.deepEqual(await watched(after5(runs[61]?.startedAt)), []);
  });

  test("is not made where drift.watch is false", async () => {
    const runs = traffic({ seed: 6, runs: 62, shape: "job", fault: { kind: "served model", from: 60 } });
    await record(database.sql, keyring, runs, { agent: "quiet", job: "digest" });
    assert.deepEqual(await watched(after5(runs[61]?.startedAt), false), []);
  });
});
