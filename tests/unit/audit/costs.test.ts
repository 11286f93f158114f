import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "../../support/property.ts";
import { type CostRow, costKeys, type CostKey, costsBy, totalOf } from "../../../lib/audit/costs.ts";
import { dayOf } from "../../../lib/time/wall-clock.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type LlmCall, writeCalls } from "../../support/llm-calls.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const timezone = "Europe/Berlin";
const hour = 3_600_000;
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 3 });
const tokens = fc.integer({ min: 0, max: 2 ** 40 });

/** Within 70 days, so that months, and the end of summer time, lie between. */
const call: fc.Arbitrary<Omit<LlmCall, "at"> & { hours: number }> = fc.record({
  hours: fc.integer({ min: 0, max: 70 * 24 - 1 }),
  agent: fc.constantFrom("ops", "helper"),
  principal: fc.constantFrom("telegram:1", "matrix:@me:home.example"),
  trigger: fc.constantFrom("chat", "agent", "job", "replay"),
  job: maybe(fc.constantFrom("briefing", "backup")),
  type: fc.constantFrom("llm.answered", "llm.consulted"),
  backend: fc.constantFrom("main", "local"),
  model: fc.constantFrom("large", "small"),
  input: maybe(tokens),
  output: maybe(tokens),
  cached: maybe(tokens),
  reasoning: maybe(tokens),
  cost: maybe(fc.double({ min: 0, max: 5, noNaN: true })),
});

const keys: Record<CostKey, (call: LlmCall) => string> = {
  day: ({ at }) => dayOf(at, timezone),
  month: ({ at }) => dayOf(at, timezone).slice(0, 7),
  agent: ({ agent }) => agent,
  job: ({ job }) => job ?? "",
  principal: ({ principal }) => principal,
  backend: ({ backend }) => backend,
  model: ({ model }) => model,
};

/** The same sums, without a database. */
function summed(calls: readonly LlmCall[], by: CostKey): Map<string, CostRow> {
  const sum = (of: readonly LlmCall[], field: (call: LlmCall) => number | null): number =>
    of.reduce((total, each) => total + (field(each) ?? 0), 0);
  return new Map(
    [...Map.groupBy(calls, keys[by])].map(([key, own]) => [
      key,
      {
        key,
        calls: own.length,
        withoutCost: own.filter(({ cost }) => cost === null).length,
        inputTokens: sum(own, ({ input }) => input),
        outputTokens: sum(own, ({ output }) => output),
        cachedTokens: sum(own, ({ cached }) => cached),
        reasoningTokens: sum(own, ({ reasoning }) => reasoning),
        cost: sum(own, ({ cost }) => cost),
        replayCost: sum(own, ({ cost, trigger }) => (trigger === "replay" ? cost : 0)),
      },
    ]),
  );
}

/** Sums of doubles hang on their order. */
const rounded = (row: CostRow): CostRow => ({
  ...row,
  cost: Math.round(row.cost * 1e6),
  replayCost: Math.round(row.replayCost * 1e6),
});

describe("costs", () => {
  let year = 2000;

  test("are, by whatever they are asked, the sums of the journal's calls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (given) => {
        // A year of its own: the journal forgets nothing.
        const from = new Date(Date.UTC(++year, 8, 15));
        const calls = given.map(({ hours, ...rest }) => ({ ...rest, at: new Date(from.getTime() + hours * hour) }));
        await writeCalls(database.sql, calls);
        const to = new Date(from.getTime() + 70 * 24 * hour);
        for (const by of costKeys) {
          const rows = await costsBy(database.sql, { by, from, to, timezone });
          const expected = summed(calls, by);
          assert.equal(rows.length, expected.size);
          for (const row of rows) assert.deepEqual(rounded({ ...row }), rounded(expected.get(row.key) as CostRow));
          const one = summed(
            calls.map((each) => ({ ...each, agent: "total" })),
            "agent",
          ).get("total");
          if (one) assert.deepEqual(rounded(totalOf(rows)), rounded(one));
        }
      }),
      { numRuns: 25 },
    );
  });

  const plain: Omit<LlmCall, "at"> = {
    agent: "ops",
    principal: "telegram:1",
    trigger: "chat",
    job: null,
    type: "llm.answered",
    backend: "main",
    model: "large",
    input: 10,
    output: 5,
    cached: null,
    reasoning: null,
    cost: 0.5,
  };

  test("of a day are those between two midnights of the config's time zone", async () => {
    const at = ["1990-07-01T21:59:59.999Z", "1990-07-01T22:00:00Z", "1990-07-02T21:59:59.999Z", "1990-07-02T22:00:00Z"];
    await writeCalls(
      database.sql,
      at.map((each) => ({ ...plain, at: new Date(each) })),
    );
    const rows = await costsBy(database.sql, {
      by: "day",
      from: new Date("1990-06-01T00:00:00Z"),
      to: new Date("1990-08-01T00:00:00Z"),
      timezone,
    });
    assert.deepEqual(
      rows.map(({ key, calls }) => [key, calls]),
      [
        ["1990-07-01", 1],
        ["1990-07-02", 2],
        ["1990-07-03", 1],
      ],
    );
  });

  test("have the dearest first, and `to` is not among them", async () => {
    const at = new Date("1991-05-05T12:00:00Z");
    const to = new Date("1991-05-06T00:00:00Z");
    await writeCalls(database.sql, [
      { ...plain, at, model: "cheap", cost: 0.1 },
      { ...plain, at, model: "dear", cost: 3 },
      { ...plain, at, model: "unknown", cost: null },
      { ...plain, at: to, model: "later" },
    ]);
    const rows = await costsBy(database.sql, { by: "model", from: new Date("1991-05-05T00:00:00Z"), to, timezone });
    assert.deepEqual(
      rows.map(({ key, cost, withoutCost }) => [key, cost, withoutCost]),
      [
        ["dear", 3, 0],
        ["cheap", 0.1, 0],
        ["unknown", 0, 1],
      ],
    );
  });
});
