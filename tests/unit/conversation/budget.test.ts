import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test, type TestContext } from "node:test";
import { budgetMeter } from "../../../lib/conversation/budget.ts";
import type { Sql } from "../../../lib/db/client.ts";
import { budgetsOfDay } from "../../../lib/ledger/budgets.ts";
import type { Meter } from "../../../lib/llm/meter.ts";
import { createMetrics } from "../../../lib/metrics.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { awayFromMidnight } from "../../support/midnight.ts";
import { until } from "../../support/until.ts";
import { load, valid } from "../config/support.ts";
import { memoryLog } from "../matrix/support.ts";

let database: TestDatabase;
before(async () => {
  await awayFromMidnight("UTC");
  database = await createTestDatabase();
});
after(() => database.drop());

/** Does what it is asked and then loses the answer, the next `times`. */
function losing(sql: Sql, state: { times: number }): Sql {
  return new Proxy(sql, {
    apply(target, self, given) {
      const query = Reflect.apply(target, self, given) as Promise<unknown>;
      if (state.times === 0) return query;
      state.times -= 1;
      return query.then(() => Promise.reject(new Error("the answer is lost")));
    },
  });
}

function meterOf(t: TestContext, limits: string, lost = { times: 0 }) {
  const config = load(t, valid.replace("telegram = true", `telegram = true\n${limits}`));
  const agent = config.agents.get("ops");
  const backend = config.backends.get("main");
  assert.ok(agent && backend);
  const reported: string[] = [];
  const meter = budgetMeter(
    {
      sql: losing(database.sql, lost),
      worker: "gateway-test",
      report: async ({ key }) => void reported.push(key),
      metrics: createMetrics(),
      log: memoryLog().log,
    },
    { config, agent, run: { id: randomUUID(), principal: "telegram:123456789" } },
  );
  const reserve = (tokens: number): ReturnType<Meter["reserve"]> => {
    assert.ok(meter);
    return meter.reserve(backend, { tokens, money: undefined });
  };
  return { meter, reserve, reported };
}

const today = async () => {
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone: "UTC" }).format(new Date());
  return (await budgetsOfDay(database.sql, day)).find(({ scope }) => scope === "agent:ops");
};

/** All that is held, once nothing is any more. */
const released = () =>
  until(
    () => database.sql`select 1 from budget_holds`,
    (rows) => rows.length === 0,
  );

test("where nothing is limited there is no meter", (t) => {
  assert.equal(meterOf(t, "").meter, undefined);
});

test("a hold whose answer was lost is given back: its call was not made", async (t) => {
  const { reserve } = meterOf(t, "limits = { tokens_per_day = 1000 }", { times: 1 });
  await assert.rejects(reserve(400), /the answer is lost/);
  await released();
  const state = await today();
  assert.deepEqual([state?.spent.tokens, state?.held.tokens], [0, 0]);
});

test("a settlement that fails does not fail its call, and is made up for", async (t) => {
  const lost = { times: 0 };
  const { reserve } = meterOf(t, "limits = { tokens_per_day = 1000 }", lost);
  const settle = await reserve(400);
  lost.times = 1;
  await settle({ tokens: 70, money: undefined });
  await released();
  assert.equal((await today())?.spent.tokens, 70);
});

test("a refusal names the limit, how it stands and what would help, and is reported by budget and day", async (t) => {
  const { reserve, reported } = meterOf(t, "limits = { tokens_per_day = 100 }");
  await assert.rejects(reserve(101), (error: { code: string; message: string; say: string }) => {
    assert.equal(error.code, "limit_reached");
    assert.match(
      error.message,
      /^a call to the model was refused until midnight \(UTC\): agents\.ops\.limits\.tokens_per_day: 70 of 100 tokens are used and 0 held for calls under way; this call could take 101\. Raise agents/,
    );
    assert.match(error.say, /^I stopped: of the tokens that this agent may use in a day, too little is left\./);
    return true;
  });
  assert.match(reported.join(), /^budget-refused:agent:ops:\d{4}-\d\d-\d\d$/);
});
