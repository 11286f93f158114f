import assert from "node:assert/strict";
import { test } from "node:test";
import { budgetsOf } from "../../../lib/policy/budget.ts";
import { agentOf, loadHousehold } from "./support.ts";

const kid = "matrix:@kid:home.example";
const me = "matrix:@me:home.example";
const day = "2026-11-24";

test("a run draws on the budgets of all, of its agent and of its person, and its own", (t) => {
  const config = loadHousehold(
    t,
    `
[budget]
tokens_per_day = 1000
unknown_price = "allow"
[agents.helper.limits]
money_per_run = 0.5
money_per_day = 3
[groups.careful.limits]
tokens_per_day = 50
`,
  );
  assert.deepEqual(budgetsOf(config, { agent: agentOf(config, "helper"), principal: kid, runId: "r1" }, day), [
    { scope: "all", period: day, limits: [{ unit: "tokens", most: 1000, key: "budget.tokens_per_day" }] },
    {
      scope: "agent:helper",
      period: day,
      limits: [{ unit: "money", most: 3, key: "agents.helper.limits.money_per_day" }],
    },
    {
      scope: `principal:${kid}`,
      period: day,
      limits: [{ unit: "tokens", most: 50, key: "groups.careful.limits.tokens_per_day" }],
    },
    {
      scope: "run:r1",
      period: "all",
      limits: [{ unit: "money", most: 0.5, key: "agents.helper.limits.money_per_run" }],
    },
  ]);
  const scopes = budgetsOf(config, { agent: agentOf(config, "ops"), principal: me, runId: "r2" }, day);
  assert.deepEqual(
    scopes.map(({ scope }) => scope),
    ["all"],
  );
});

test("of a person's groups the smallest limit of each unit holds, wherever it stands", (t) => {
  const config = loadHousehold(
    t,
    `
[budget]
unknown_price = "allow"
[groups.family.limits]
tokens_per_day = 50
money_per_day = 9
[groups.careful.limits]
tokens_per_day = 70
money_per_day = 1
`,
  );
  const [budget] = budgetsOf(config, { agent: agentOf(config, "helper"), principal: kid, runId: "r" }, day);
  assert.deepEqual(budget?.limits, [
    { unit: "tokens", most: 50, key: "groups.family.limits.tokens_per_day" },
    { unit: "money", most: 1, key: "groups.careful.limits.money_per_day" },
  ]);
});

test("where nothing is limited a run draws on nothing", (t) => {
  const config = loadHousehold(t);
  assert.deepEqual(budgetsOf(config, { agent: agentOf(config, "helper"), principal: kid, runId: "r" }, day), []);
});
