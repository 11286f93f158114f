import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isSignedBy, newestCheckpoint, publicKeyOf } from "../../../lib/audit/checkpoint.ts";
import { parseCheckpointLine } from "../../../lib/audit/checkpoint-line.ts";
import { takeCheckpoints } from "../../../lib/audit/checkpoint-take.ts";
import { keepCheckpoints } from "../../../lib/audit/checkpoints.ts";
import { verifyAudit } from "../../../lib/audit/verify.ts";
import type { Notice } from "../../../lib/conversation/report.ts";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { asApp } from "../../../lib/db/roles.ts";
import { abandonRun, beginRun, type OpenRun } from "../../../lib/ledger/runs.ts";
import { createLog } from "../../../lib/log.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const keyring = createKeyring(newKey());
const key = keyring.checkpointKey();
const start = Date.now();
/** So many minutes from now: nothing here waits. */
const minute = (count: number): Date => new Date(start + count * 60_000);
let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-checkpoints-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));

async function withDatabase(use: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  try {
    await use(database);
  } finally {
    await database.drop();
  }
}

async function begunRun(sql: Sql): Promise<OpenRun> {
  const run = {
    id: randomUUID(),
    conversationId: randomUUID(),
    lane: "telegram:ops:1",
    agent: "ops",
    principal: "telegram:1",
    trigger: "chat",
    policyHash: "p",
    promptHash: "p",
  } as const;
  const open = beginRun(sql, keyring, run, []);
  await open.append([
    { type: "run.started", messages: [], images: [], tools: [], preface: "", request: "", taint: [] },
  ]);
  return open;
}

const ending = {
  state: "done",
  steps: 0,
  usage: { inputTokens: undefined, outputTokens: undefined, cachedTokens: undefined, reasoningTokens: undefined },
  cost: undefined,
  taint: [],
  turn: undefined,
  outbox: [],
  sender: undefined,
} as const;

async function endedRun(sql: Sql): Promise<string> {
  const open = await begunRun(sql);
  await open.close([{ type: "run.finished", state: "done", text: "" }], ending);
  return open.run.id;
}

/** What the gateway does each minute, and what it told. */
function keeping(sql: Sql, name: string, options: { post?: boolean } = {}) {
  const file = join(directory, name, "checkpoints.jsonl");
  const told: Notice[] = [];
  let logged = "";
  const each = keepCheckpoints({
    config: () => ({
      timezone: "UTC",
      audit: { checkpoint_minutes: 60, checkpoint_file: file, post_checkpoints: options.post ?? true },
    }),
    sql,
    keyring,
    report: async (notice) => void told.push(notice),
    log: createLog("info", { write: (line) => void (logged += line) }),
  });
  return { each, file, told, log: () => logged };
}

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => parseCheckpointLine(line));

const countOf = async (sql: Sql): Promise<number> =>
  (await sql<{ count: number }[]>`select count(*)::int as count from checkpoints`)[0]?.count ?? -1;

test("what has ended is signed once a period, written to the file and told; what goes on, and a quiet hour, is not", () =>
  withDatabase(async ({ sql }) => {
    const { each, file, told } = keeping(sql, "once");
    await begunRun(sql);
    await each(minute(0));
    assert.equal(await countOf(sql), 0);
    const id = await endedRun(sql);
    await each(minute(1));
    await endedRun(sql);
    for (let later = 2; later <= 60; later += 29) await each(minute(later));
    assert.equal(await countOf(sql), 1);
    await each(minute(61));
    for (const later of [62, 122, 183, 1_000]) await each(minute(later));
    const [first, second, more] = linesOf(file);
    assert.ok(first && second && more === undefined);
    assert.deepEqual([first.number, first.runs, first.heads[0]?.[0], second.number], [1, 1, id, 2]);
    assert.deepEqual(second.previousHash, first.hash);
    assert.ok(isSignedBy(first, publicKeyOf(key)) && isSignedBy(second, publicKeyOf(key)));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(
      told.map((notice) => notice.key),
      ["checkpoint:1", "checkpoint:2"],
    );
    assert.match(told[0]?.text ?? "", /^Checkpoint 1, .*: 1 run\.\n`[\w-]{43}`\n`[\w-]{86}`$/);
    assert.equal((await verifyAudit(sql, { key: publicKeyOf(key), file, checkpointMinutes: 60 })).whole, true);
  }));

test("where post_checkpoints is off they are written and not told", () =>
  withDatabase(async ({ sql }) => {
    const { each, file, told } = keeping(sql, "untold", { post: false });
    await endedRun(sql);
    await each(minute(0));
    assert.deepEqual([linesOf(file).length, told.length], [1, 0]);
  }));

test("more runs than fit go into checkpoints that follow at once", () =>
  withDatabase(async ({ sql }) => {
    for (let run = 0; run < 5; run++) await endedRun(sql);
    assert.equal(await takeCheckpoints(sql, { key, now: minute(0), everyMinutes: 60, most: 2 }), 3);
    assert.deepEqual(
      (await sql<{ runs: number }[]>`select runs from checkpoints order by number`).map(({ runs }) => runs),
      [2, 2, 1],
    );
  }));

test("two processes that are at it at once make one, by the role that may only add", () =>
  withDatabase(async (database) => {
    const url = await asApp(database.url);
    assert.notEqual(url, database.url);
    const pools = Array.from({ length: 4 }, () => connect(url, { max: 1 }));
    try {
      for (let round = 1; round <= 5; round++) {
        await endedRun(database.sql);
        const taken = await Promise.all(
          pools.map((sql) => takeCheckpoints(sql, { key, now: minute(round * 61), everyMinutes: 60 })),
        );
        assert.equal(
          taken.reduce((sum, count) => sum + count, 0),
          1,
        );
      }
      assert.equal(await countOf(database.sql), 5);
      assert.equal((await verifyAudit(database.sql, { key: publicKeyOf(key), checkpointMinutes: 60 })).whole, true);
    } finally {
      await Promise.all(pools.map((sql) => sql.end()));
    }
  }));

test("after a crash between the commit and the file, or in the middle of a line, the file is brought up to date", () =>
  withDatabase(async ({ sql }) => {
    const { each, file } = keeping(sql, "crash");
    await endedRun(sql);
    await each(minute(0));
    await endedRun(sql);
    await takeCheckpoints(sql, { key, now: minute(61), everyMinutes: 60 });
    await each(minute(62));
    const whole = readFileSync(file, "utf8");
    assert.equal(linesOf(file).length, 2);
    for (const size of [whole.length - 1, whole.length - 100, whole.indexOf("\n") + 1, 40, 0]) {
      truncateSync(file, size);
      await each(minute(63));
      assert.equal(readFileSync(file, "utf8"), whole, `cut at ${size}`);
    }
    rmSync(file);
    await each(minute(64));
    assert.equal(readFileSync(file, "utf8"), whole);
  }));

test("a file that is not of this database is left as it is, and that is said", () =>
  withDatabase((one) =>
    withDatabase(async (other) => {
      await endedRun(one.sql);
      const kept = keeping(one.sql, "foreign");
      await kept.each(minute(0));
      await endedRun(other.sql);
      const { each, file, told, log } = keeping(other.sql, "foreign");
      for (const text of [
        readFileSync(file, "utf8"),
        "nothing of ours\n",
        '{"number":7,',
        `${readFileSync(file, "utf8")}x`,
      ]) {
        writeFileSync(file, text);
        told.length = 0;
        await each(minute(0));
        await each(minute(1));
        assert.equal(readFileSync(file, "utf8"), text);
        assert.match(told[0]?.text ?? "", /Checkpoints are not written.*is not of this database/);
        assert.match(log(), /checkpoints cannot be written/);
      }
    }),
  ));

test("a file that is ahead of a database restored from an older backup is left as it is, and that is said", () =>
  withDatabase(async ({ sql }) => {
    const { each, file } = keeping(sql, "ahead");
    await endedRun(sql);
    await each(minute(0));
    const before = readFileSync(file, "utf8");
    await endedRun(sql);
    await each(minute(61));
    await sql.unsafe("alter table checkpoints disable trigger all; delete from checkpoints where number = 2");
    const after = readFileSync(file, "utf8");
    assert.ok(after.length > before.length);
    const restored = keeping(sql, "ahead");
    await restored.each(minute(62));
    assert.equal(readFileSync(file, "utf8"), after);
    assert.match(restored.told[0]?.text ?? "", /the database has no checkpoint 2/);
  }));

test("a run that was given up is signed some minutes later, with a last entry that keeps its owner from going on", () =>
  withDatabase(async ({ sql }) => {
    const open = await begunRun(sql);
    await abandonRun(sql, open.run.id);
    await takeCheckpoints(sql, { key, now: minute(5), everyMinutes: 1 });
    assert.equal(await newestCheckpoint(sql), undefined);
    await open.append([{ type: "run.waiting" }]);
    await takeCheckpoints(sql, { key, now: minute(11), everyMinutes: 1 });
    assert.equal((await newestCheckpoint(sql))?.runs, 1);
    await assert.rejects(open.append([{ type: "run.waiting" }]), { code: "ledger_conflict" });
    await assert.rejects(open.close([{ type: "run.finished", state: "done", text: "" }], ending), {
      code: "ledger_conflict",
    });
    const [last] = await sql<{ seq: number; type: string; finish_reason: string }[]>`
      select seq, type, finish_reason from journal where run_id = ${open.run.id} order by seq desc limit 1`;
    assert.deepEqual({ ...last }, { seq: 2, type: "run.finished", finish_reason: "failed" });
    assert.equal((await verifyAudit(sql, { key: publicKeyOf(key), checkpointMinutes: 60 })).whole, true);
  }));

test("nothing is appended to a journal that was closed, and what was asked for before comes before its end", () =>
  withDatabase(async ({ sql }) => {
    const open = await begunRun(sql);
    const before = open.append([{ type: "run.waiting" }]);
    const closed = open.close([{ type: "run.finished", state: "done", text: "" }], ending);
    const late = open.append([{ type: "run.waiting" }]);
    await Promise.all([before, closed, assert.rejects(late, { code: "ledger_conflict" })]);
    const types = await sql<{ type: string }[]>`
      select type from journal where run_id = ${open.run.id} order by seq`;
    assert.deepEqual(
      types.map(({ type }) => type),
      ["run.started", "run.waiting", "run.finished"],
    );
  }));
