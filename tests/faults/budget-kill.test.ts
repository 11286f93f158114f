import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { budgetsOfDay, readBudgets } from "../../lib/ledger/budgets.ts";
import { privateText } from "../support/telegram-updates.ts";
import { awayFromMidnight } from "../support/midnight.ts";
import { until } from "../support/until.ts";
import { createWorld, settled } from "./world.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";

const usage = { input: 100, output: 20 };

describe("a gateway killed while a call to a model is held", { concurrency: 2 }, () => {
  for (const [point, nth] of [
    ["budget.reserved", 1],
    ["llm.requested", 1],
    ["llm.answered", 1],
  ] as const)
    test(`at ${point}: the hold is settled once, at what is known, and the run goes on within its budgets`, async (t) => {
      await awayFromMidnight("Europe/Berlin");
      const world = await createWorld({
        script: { text: "Hello.", usage },
        top: "[budget]\ntokens_per_day = 50000",
        config: (toml) =>
          `${toml.replace("telegram = true", "telegram = true\nlimits = { money_per_run = 1 }")}`.replace(
            'model = "stand-in"',
            'model = "stand-in"\nprice = { input = 1, output = 1 }\nmax_output_tokens = 300',
          ),
      });
      t.after(() => world.end());
      const { home, database } = world;
      const person = world.person();
      const first = await home.start({ killAt: { point, nth } });
      await world.push(privateText(person, "hi"));
      assert.equal(await first.exited, "SIGKILL");
      const holds = await database.sql<{ tokens: number }[]>`select tokens from budget_holds`;
      assert.equal(holds.length, point === "budget.reserved" ? 1 : 0);

      await home.start();
      assert.equal(await world.heard(person), "Hello.");
      await settled(database);
      await until(
        () => database.sql`select 1 from budget_holds`,
        (rows) => rows.length === 0,
      );
      // The dead call at all that was held for it; a call whose answer was lost with the process is made, and counted, twice.
      const lost = { "budget.reserved": holds[0]?.tokens ?? 0, "llm.requested": 0, "llm.answered": 120 }[point];
      const [all] = await budgetsOfDay(database.sql, dayOf(new Date(), "Europe/Berlin"));
      assert.equal(all?.scope, "all");
      assert.equal(all.spent.tokens, 120 + lost);
      assert.equal(all.held.tokens, 0);
      const [run] = await database.sql<{ id: string }[]>`select id from runs`;
      const [own] = await readBudgets(database.sql, [{ scope: `run:${run?.id}`, period: "all" }]);
      assert.deepEqual(own?.spent.money, Number(((120 + lost) / 1e6).toFixed(6)));
      assert.deepEqual(own?.held, { tokens: 0, money: 0 });
    });
});
