import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type RunFilter, type RunRow, listRuns } from "../../../lib/audit/runs.ts";
import { loadJournal } from "../../bench/journal-load.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

interface Known {
  readonly id: string;
  readonly agent: string;
  readonly principal: string;
  readonly job: string | null;
  readonly trigger: string;
  readonly state: string;
  readonly cost: number | null;
  readonly startedAt: Date;
  /** Tools that were asked for, and those that were denied; "" is a denied call of any. */
  readonly tools: readonly string[];
  readonly denied: readonly string[];
}

let database: TestDatabase;
/** Newest first. */
let all: Known[];

before(async () => {
  database = await createTestDatabase();
  // More runs than are looked at one by one.
  await loadJournal(database.sql, { rows: 18_000, days: 30 });
  await database.sql`update runs set state = 'waiting' where id in (select id from runs order by started_at limit 3)`;
  all = await database.sql<Known[]>`
    select r.id, r.agent, r.principal, r.job, r.trigger, r.state, r.cost::float8 as cost, r.started_at as "startedAt",
      coalesce(array_agg(j.tool_name) filter (where j.tool_name is not null), '{}') as tools,
      coalesce(array_agg(coalesce(j.tool_name, '')) filter (where j.decision = 'deny'), '{}') as denied
    from runs r join journal j on j.run_id = r.id group by r.id order by r.started_at desc, r.id desc`;
});
after(() => database.drop());

/** The filter in JavaScript. */
const matches = (run: Known, filter: RunFilter): boolean =>
  (filter.agent === undefined || run.agent === filter.agent) &&
  (filter.principal === undefined || run.principal === filter.principal) &&
  (filter.job === undefined || run.job === filter.job) &&
  (filter.trigger === undefined || run.trigger === filter.trigger) &&
  (filter.state === undefined || run.state === filter.state) &&
  (filter.since === undefined || run.startedAt >= filter.since) &&
  (filter.until === undefined || run.startedAt < filter.until) &&
  (filter.costAbove === undefined || (run.cost !== null && run.cost > filter.costAbove)) &&
  (filter.tool === undefined || run.tools.includes(filter.tool)) &&
  (filter.denied !== true || (filter.tool === undefined ? run.denied.length > 0 : run.denied.includes(filter.tool)));

async function pages(filter: RunFilter, limit: number): Promise<RunRow[]> {
  const runs: RunRow[] = [];
  for (let after: string | undefined; ;) {
    const page = await listRuns(database.sql, filter, { limit, after });
    runs.push(...page.runs);
    if (page.next === undefined) return runs;
    assert.equal(page.runs.length, limit);
    after = page.next;
  }
}

test("every combination of two filters has exactly the runs that it holds for, in order, over all pages", async () => {
  const middle = all[Math.floor(all.length / 2)]?.startedAt ?? assert.fail();
  const single: RunFilter[] = [
    ...[
      { agent: "ops" },
      { principal: "telegram:1001" },
      { job: "backup-check" },
      { tool: "web_fetch" },
      { tool: "none" },
    ],
    ...([
      { denied: true },
      { state: "failed" },
      { state: "waiting" },
      { trigger: "job" },
      { trigger: "replay" },
    ] as const),
    ...[{ costAbove: 0.03 }, { costAbove: 1e6 }, { since: middle }, { until: middle }, {}],
  ];
  assert.ok(all.length > 2_200);
  for (const [index, one] of single.entries())
    for (const other of single.slice(index)) {
      const filter = { ...one, ...other };
      const expected = all.filter((run) => matches(run, filter));
      const found = await pages(filter, 400);
      assert.deepEqual(
        found.map(({ id }) => id),
        expected.map(({ id }) => id),
        JSON.stringify(filter),
      );
    }
});

test("small pages of rare and of common runs are the same as large ones", async () => {
  for (const filter of [{ denied: true }, { state: "waiting" }, { tool: "web_fetch", agent: "mail" }] as RunFilter[])
    assert.deepEqual(await pages(filter, 7), await pages(filter, 1_000));
});

test("runs that began in the same microsecond are told apart", async () => {
  await database.sql`update runs set agent = 'twins', started_at = '2020-01-01T00:00:00.000001Z' where agent = 'home'`;
  const found = (await pages({ agent: "twins" }, 5)).map(({ id }) => id);
  assert.equal(new Set(found).size, found.length);
  assert.equal(found.length, all.filter(({ agent }) => agent === "home").length);
});
