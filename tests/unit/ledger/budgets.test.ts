import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import fc from "../../support/property.ts";
import { connect, type Sql } from "../../../lib/db/client.ts";
import {
  type BudgetState,
  budgetsOfDay,
  dropRunBudgets,
  markWarned,
  type Exceeded,
  readBudgets,
  reserve as reserveCall,
  settle,
} from "../../../lib/ledger/budgets.ts";
import { createLog } from "../../../lib/log.ts";
import { type Budget } from "../../../lib/policy/budget.ts";
import { Locks } from "../../../lib/queue/locks.ts";
import { sweep } from "../../../lib/queue/sweep.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { dayOf } from "../../../lib/time/wall-clock.ts";

let database: TestDatabase;
let sql: Sql;
let replica: Sql;
let alive: Locks;

before(async () => {
  database = await createTestDatabase({ max: 10 });
  sql = database.sql;
  replica = connect(database.url, { max: 10 });
  alive = new Locks(database.url, createLog("silent"));
  await alive.announce(alive.worker);
});
after(async () => {
  await alive.close();
  await replica.end();
  await database.drop();
});

const day = "2026-11-24";

/** A budget that no other test has. */
const budgetOf = (limits: { tokens?: number; money?: number }, scope = `agent:${randomUUID()}`): Budget => ({
  scope,
  period: day,
  limits: (["tokens", "money"] as const).flatMap((unit) => {
    const most = limits[unit];
    return most === undefined ? [] : [{ unit, most, key: `limits.${unit}` }];
  }),
});

/** Returns the id of the hold, or what is exceeded. */
async function reserve(from: Sql, of: ReturnType<typeof call>): Promise<string | Exceeded> {
  const id = randomUUID();
  return (await reserveCall(from, { ...of, id })) ?? id;
}

const call = (budgets: readonly Budget[], tokens: number, money = 0) => ({
  runId: randomUUID(),
  worker: alive.worker,
  budgets,
  worst: { tokens, money },
});

async function stateOf(budget: Budget): Promise<Omit<BudgetState, "scope" | "period" | "warned"> | undefined> {
  const [state] = await readBudgets(sql, [budget]);
  return state && { spent: state.spent, held: state.held };
}

const heldBy = async (whole: ReturnType<typeof reserve>): Promise<string> => {
  const held = await whole;
  assert.equal(typeof held, "string");
  return held as string;
};

test("what a call can cost is held, and what it did cost takes its place", async () => {
  const budget = budgetOf({ tokens: 1000, money: 1 });
  const id = await heldBy(reserve(sql, call([budget], 600, 0.4)));
  assert.deepEqual(await stateOf(budget), { spent: { tokens: 0, money: 0 }, held: { tokens: 600, money: 0.4 } });
  const [state] = await settle(sql, id, { tokens: 150, money: 0.1 });
  assert.deepEqual(state, {
    scope: budget.scope,
    period: day,
    spent: { tokens: 150, money: 0.1 },
    held: { tokens: 0, money: 0 },
    warned: false,
  });
});

test("a call that does not fit is told the limit that it passes, and nothing of it is held anywhere", async () => {
  const [wide, narrow] = [budgetOf({ tokens: 10_000 }), budgetOf({ tokens: 10_000, money: 0.5 })];
  await heldBy(reserve(sql, call([narrow], 100, 0.3)));
  const refused = await reserve(sql, call([wide, narrow], 100, 0.3));
  assert.ok(typeof refused !== "string");
  assert.equal(refused.budget, narrow);
  assert.equal(refused.limit.key, "limits.money");
  assert.deepEqual(refused.state.held, { tokens: 100, money: 0.3 });
  assert.equal(await stateOf(wide), undefined);
});

test("a call that a fresh budget is too small for is refused by it", async () => {
  const budget = budgetOf({ tokens: 99 });
  const refused = await reserve(sql, call([budget], 100));
  assert.ok(typeof refused !== "string" && refused.limit.most === 99);
  assert.equal(await stateOf(budget), undefined);
});

test("a limit may be used up to the last token, and no further", async () => {
  const budget = budgetOf({ tokens: 100 });
  await heldBy(reserve(sql, call([budget], 60)));
  await heldBy(reserve(sql, call([budget], 40)));
  assert.notEqual(typeof (await reserve(sql, call([budget], 1))), "string");
});

test("money is held rounded up, so that many small calls do not slip through", async () => {
  const budget = budgetOf({ money: 0.000002 });
  await heldBy(reserve(sql, call([budget], 1, 0.0000001)));
  await heldBy(reserve(sql, call([budget], 1, 0.0000001)));
  assert.notEqual(typeof (await reserve(sql, call([budget], 1, 0.0000001))), "string");
});

test("a hold is settled once: whoever comes second changes nothing", async () => {
  const budget = budgetOf({ tokens: 1000 });
  const id = await heldBy(reserve(sql, call([budget], 500)));
  const both = await Promise.all([settle(sql, id, { tokens: 7, money: 0 }), settle(replica, id, undefined)]);
  assert.equal(both.filter((states) => states.length === 0).length, 1);
  assert.deepEqual((await stateOf(budget))?.held, { tokens: 0, money: 0 });
  assert.deepEqual(await settle(sql, id, { tokens: 7, money: 0 }), []);
});

test("what nobody knows is settled at all that was held", async () => {
  const budget = budgetOf({ tokens: 1000 });
  await settle(sql, await heldBy(reserve(sql, call([budget], 500, 0.25))), undefined);
  assert.deepEqual((await stateOf(budget))?.spent, { tokens: 500, money: 0.25 });
});

test("more than was held is counted all the same", async () => {
  const budget = budgetOf({ tokens: 100 });
  await settle(sql, await heldBy(reserve(sql, call([budget], 100))), { tokens: 130, money: 0 });
  assert.deepEqual((await stateOf(budget))?.spent, { tokens: 130, money: 0 });
  assert.notEqual(typeof (await reserve(sql, call([budget], 0))), "string");
});

test("of 50 calls at once from two replicas, as many are made as fit in the smallest limit", async () => {
  const [wide, narrow] = [budgetOf({ tokens: 1_000_000 }), budgetOf({ tokens: 1000 })];
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => reserve(n % 2 ? sql : replica, call([wide, narrow], 90))),
  );
  const held = answers.filter((answer) => typeof answer === "string");
  assert.equal(held.length, 11);
  assert.deepEqual((await stateOf(narrow))?.held, { tokens: 990, money: 0 });
  assert.deepEqual((await stateOf(wide))?.held, { tokens: 990, money: 0 });
  await Promise.all(held.map((id, n) => settle(n % 2 ? sql : replica, id, { tokens: 10, money: 0 })));
  assert.deepEqual(await stateOf(narrow), { spent: { tokens: 110, money: 0 }, held: { tokens: 0, money: 0 } });
});

test("calls with their budgets in any order do not lock each other out", async () => {
  const budgets = Array.from({ length: 4 }, () => budgetOf({ tokens: 1_000_000 }));
  await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      const order = n % 2 ? budgets : budgets.toReversed();
      const from = n % 3 ? sql : replica;
      await settle(from, await heldBy(reserve(from, call(order, 10))), n % 5 ? { tokens: 3, money: 0 } : undefined);
    }),
  );
  for (const budget of budgets)
    assert.deepEqual(await stateOf(budget), {
      spent: { tokens: 48 * 3 + 12 * 10, money: 0 },
      held: { tokens: 0, money: 0 },
    });
});

test("the holds of a dead process are settled at what they held, those of a living one are left", async () => {
  const budget = budgetOf({ tokens: 1000 });
  await heldBy(reserve(sql, { ...call([budget], 300), worker: "gateway-dead" }));
  const living = await heldBy(reserve(sql, call([budget], 200)));
  assert.equal((await sweep(sql, 0)).holdsSettled, 1);
  assert.deepEqual(await stateOf(budget), { spent: { tokens: 300, money: 0 }, held: { tokens: 200, money: 0 } });
  await settle(sql, living, { tokens: 1, money: 0 });
  assert.equal((await sweep(sql, 0)).holdsSettled, 0);
});

test("a call is settled on the day it was made, and the next day begins at nothing", async () => {
  const today = budgetOf({ tokens: 100 });
  const tomorrow = { ...today, period: "2026-11-25" };
  const id = await heldBy(reserve(sql, call([today], 100)));
  const next = await heldBy(reserve(sql, call([tomorrow], 100)));
  await settle(sql, id, { tokens: 80, money: 0 });
  assert.deepEqual((await stateOf(today))?.spent.tokens, 80);
  assert.deepEqual(await stateOf(tomorrow), { spent: { tokens: 0, money: 0 }, held: { tokens: 100, money: 0 } });
  await settle(sql, next, { tokens: 5, money: 0 });
  const found = (await budgetsOfDay(sql, "2026-11-25")).find(({ scope }) => scope === today.scope);
  assert.equal(found?.spent.tokens, 5);
});

test("a day is that of the time zone, also where the clocks change", () => {
  const at = (zone: string, instant: string): string => dayOf(new Date(instant), zone);
  assert.equal(at("Europe/Berlin", "2026-11-23T22:59:59Z"), "2026-11-23");
  assert.equal(at("Europe/Berlin", "2026-11-23T23:00:00Z"), "2026-11-24");
  // Summer time ends on 25 October 2026: that day has 25 hours.
  assert.equal(at("Europe/Berlin", "2026-10-24T22:00:00Z"), "2026-10-25");
  assert.equal(at("Europe/Berlin", "2026-10-25T22:59:59Z"), "2026-10-25");
  assert.equal(at("Europe/Berlin", "2026-10-25T23:00:00Z"), "2026-10-26");
  // It begins on 29 March: that day has 23.
  assert.equal(at("Europe/Berlin", "2026-03-28T23:00:00Z"), "2026-03-29");
  assert.equal(at("Europe/Berlin", "2026-03-29T22:00:00Z"), "2026-03-30");
  assert.equal(at("Pacific/Kiritimati", "2026-12-31T10:00:00Z"), "2027-01-01");
  assert.equal(at("UTC", "2026-01-05T00:00:00Z"), "2026-01-05");
});

test("a budget is marked as warned once, and settling tells", async () => {
  const budget = budgetOf({ tokens: 1000 });
  const ids = [await heldBy(reserve(sql, call([budget], 1))), await heldBy(reserve(sql, call([budget], 1)))];
  assert.equal((await settle(sql, ids[0] ?? "", undefined))[0]?.warned, false);
  await markWarned(sql, budget);
  assert.equal((await settle(sql, ids[1] ?? "", undefined))[0]?.warned, true);
});

test("budgets of runs that have ended are forgotten, those of others and of days stay", async () => {
  const [ended, waiting] = [randomUUID(), randomUUID()];
  for (const [id, state] of [
    [ended, "done"],
    [waiting, "waiting"],
  ] as const)
    await sql`insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash)
      values (${id}, ${randomUUID()}, 'l', 'ops', 'telegram:1', 'chat', ${state}, '', '')`;
  const budgets = [ended, waiting].map((id) => ({ ...budgetOf({ money: 1 }, `run:${id}`), period: "all" }));
  const daily = budgetOf({ money: 1 });
  for (const budget of [...budgets, daily])
    await settle(sql, await heldBy(reserve(sql, call([budget], 1, 0.1))), undefined);
  await dropRunBudgets(sql);
  const left = await readBudgets(sql, [...budgets, daily]);
  assert.deepEqual(left.map(({ scope }) => scope).toSorted(), [daily.scope, `run:${waiting}`].toSorted());
});

test("whatever calls, crashes and sweeps come in between, no limit is passed, and in the end nothing is held", async () => {
  const tokens = fc.integer({ min: 1, max: 60 });
  const command = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("reserve" as const),
        tokens,
        which: fc.integer({ min: 1, max: 7 }),
        dead: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("settle" as const),
        share: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(command, { maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
      const budgets = [100, 150, 1000].map((most) => budgetOf({ tokens: most }));
      const open: { id: string; tokens: number }[] = [];
      const within = async (): Promise<void> => {
        for (const budget of budgets) {
          const state = await stateOf(budget);
          const used = (state?.spent.tokens ?? 0) + (state?.held.tokens ?? 0);
          assert.ok(used <= (budget.limits[0]?.most ?? 0), `${used} of ${budget.limits[0]?.most}`);
        }
      };
      for (const round of rounds) {
        // Those of one round at once.
        await Promise.all(
          round.map(async (step, n) => {
            const from = n % 2 ? sql : replica;
            if (step.do === "sweep") await sweep(from, 60_000);
            else if (step.do === "settle") {
              const taken = open.shift();
              if (taken)
                await settle(
                  from,
                  taken.id,
                  step.share === null ? undefined : { tokens: Math.floor(taken.tokens * step.share), money: 0 },
                );
            } else {
              const chosen = budgets.filter((_, at) => step.which & (1 << at));
              const worker = step.dead ? "gateway-dead" : alive.worker;
              const answer = await reserve(from, { ...call(chosen, step.tokens), worker });
              if (typeof answer === "string" && !step.dead) open.push({ id: answer, tokens: step.tokens });
            }
          }),
        );
        await within();
      }
      // Everybody dies.
      await sql`update budget_holds set worker = 'gateway-dead'`;
      await sweep(sql, 60_000);
      await within();
      for (const budget of budgets) assert.equal((await stateOf(budget))?.held.tokens ?? 0, 0);
    }),
    { numRuns: 40 },
  );
});
