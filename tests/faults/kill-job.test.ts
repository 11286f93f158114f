import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, attemptsOf, first, jobFunctionFile, operator, second, withJob } from "../support/jobs/jobs.ts";
import { startSource } from "../support/jobs/source.ts";
import { expectedHashes, journalOf } from "../support/journal.ts";
import { createHome, type KillAt } from "../support/process.ts";
import { until } from "../support/until.ts";
import { createWorld, settled } from "./world.ts";

/** In the order they come; what the second of one is for is said beside it. */
const killPoints: readonly KillAt[] = [
  { point: "job.gathered", nth: 1 },
  { point: "llm.requested", nth: 1 },
  { point: "llm.answered", nth: 1 },
  { point: "outbox.committed", nth: 1 },
  { point: "job.committed", nth: 1 },
  { point: "send.started", nth: 1 },
  { point: "send.ended", nth: 1 },
  { point: "send.saved", nth: 1 },
  { point: "send.saved", nth: 2 },
  // Of the run that marks what was delivered.
  { point: "outbox.committed", nth: 2 },
  { point: "job.after", nth: 1 },
  { point: "job.settled", nth: 1 },
];

const path = "/jobs/news?slot=2026-01-05T08:00";

describe("killed by SIGKILL in a job and started again", { concurrency: 3 }, () => {
  for (const killAt of killPoints)
    test(`at ${killAt.point} (${killAt.nth}), its message is in every place at most once, and marked only if it is`, async (t) => {
      const source = await startSource();
      const world = await createWorld({
        script: () => ({ text: "News." }),
        config: (toml) => withJob(toml, [source.url]),
      });
      t.after(async () => {
        await world.end();
        await source.stop();
      });
      const { home, database, model, botApi } = world;
      const imports = [jobFunctionFile];
      const killed = await home.start({ killAt, imports });
      await ask(home.privateUrl, path).catch(() => {});
      assert.equal(await killed.exited, "SIGKILL");

      await home.start({ imports });
      const { status, body } = await ask(home.privateUrl, path);
      assert.deepEqual([status, body["attempt"]], [200, 1]);
      await until(
        async () => (await attemptsOf(database.sql))[0]?.state,
        (state) => state === "done" || state === "failed",
      );
      await settled(database);

      const [attempt, ...more] = await attemptsOf(database.sql);
      assert.deepEqual(more, []);
      const counts = [first, second].map((chat) => botApi.sent(chat).length);
      assert.ok(counts.every((count) => count <= 1));
      // Telegram takes no message twice, nor says whether it took one: what is not known is told and never repeated. When the
      // first message is saved, the second may be on its way.
      const [{ unknown } = { unknown: 0 }] = await database.sql<{ unknown: number }[]>`
        select count(*)::int as unknown from outbox where state = 'unknown'`;
      const underWay = killAt.point === "send.saved" && killAt.nth === 1 && unknown > 0;
      const unsure = killAt.point === "send.started" || killAt.point === "send.ended" || underWay;
      assert.ok(
        counts.filter((count) => count === 0).length <= unknown,
        "a message that is missing is known to be unsure",
      );
      if (!unsure) assert.deepEqual([counts, attempt?.state], [[1, 1], "done"]);
      if (attempt?.state === "failed") await until(async () => botApi.sent(operator).length > 0);
      assert.deepEqual([...new Set(source.marks)], attempt?.state === "done" ? ["1"] : []);
      assert.equal(model.requests.length, killAt.point === "llm.answered" ? 2 : 1);
      assert.equal(source.reads, killAt.point === "job.gathered" ? 2 : 1);

      const runs = await database.sql<{ id: string; state: string; parent_run_id: string | null }[]>`
        select id, state, parent_run_id from runs order by started_at`;
      assert.deepEqual(
        runs.map(({ state, parent_run_id }) => [state, parent_run_id]),
        attempt?.state === "done"
          ? [
              ["done", null],
              ["done", attempt.run_id],
            ]
          : [["done", null]],
      );
      for (const { id } of runs) {
        const entries = await journalOf(database.sql, id);
        assert.deepEqual(
          entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
          expectedHashes(entries),
        );
      }
    });
});

test("200 requests at once to two gateways are one run", async (t) => {
  const source = await startSource();
  const world = await createWorld({ script: { text: "News." }, config: (toml) => withJob(toml, [source.url]) });
  const other = await createHome(world.toml, world.database.url);
  t.after(async () => {
    await other.remove();
    await world.end();
    await source.stop();
  });
  const imports = [jobFunctionFile];
  await Promise.all([world.home.start({ imports }), other.start({ imports })]);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => ask((index % 2 === 0 ? world.home : other).privateUrl, "/jobs/news")),
  );
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => b - a),
    [202, ...Array.from({ length: 199 }, () => 200)],
  );
  assert.equal(new Set(answers.map(({ body }) => body.run)).size, 1);
  await until(async () => (await attemptsOf(world.database.sql))[0]?.state === "done");
  assert.equal(world.model.requests.length, 1);
  assert.deepEqual(
    [first, second].map((chat) => world.botApi.sent(chat).length),
    [1, 1],
  );
  assert.deepEqual([source.reads, source.marks], [1, ["1"]]);
  assert.equal((await world.database.sql`select 1 from runs where parent_run_id is null`).length, 1);
});
