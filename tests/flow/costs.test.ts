import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Command } from "commander";
import { addCosts } from "../../functions/commands/audit-costs.ts";
import { costsBy, type CostRow, totalOf } from "../../lib/audit/costs.ts";
import { Environment } from "../../lib/config/environment.ts";
import type { Config } from "../../lib/config/config.ts";
import { budgetsOfDay } from "../../lib/ledger/budgets.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";
import { testEnvironment } from "../support/gateway.ts";
import { awayFromMidnight } from "../support/midnight.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** An agent whose calls are metered: what is in the journal, on the run and in the budgets must be the same money. */
let stage: Stage;
const people: number[] = [];

before(async () => {
  await awayFromMidnight("Europe/Berlin");
  stage = await startStage({
    agent: "limits = { money_per_day = 100 }",
    backend: "max_output_tokens = 200\nprice = { input = 1, cached = 0.1, output = 10 }",
  });
  const { model } = stage;
  const call = { name: "time_now", arguments: {} };
  const scripts: Parameters<typeof model.setScript>[0][] = [
    { text: "By the config.", usage: { input: 1_003, output: 201, cached: 400, reasoning: 77 } },
    [
      { toolCalls: [call], usage: { input: 500, output: 30, cost: 0.000_123_4 } },
      { text: "By the provider.", usage: { input: 700, output: 9, cost: 0.000_777_7 } },
    ],
    [
      { toolCalls: [call], usage: { input: 211, output: 13 } },
      { text: "By both.", usage: { input: 307, output: 17, cost: 0.004_2 } },
    ],
  ];
  for (const script of scripts) {
    model.setScript(script);
    const person = stage.person();
    people.push(person);
    await stage.say(person, "hi");
    await stage.heard(person);
  }
  await until(
    () => stage.gateway.sql<{ state: string }[]>`select state from runs`,
    (rows) => rows.length === scripts.length && rows.every(({ state }) => state === "done"),
  );
});
after(() => stage.stop());

const timezone = "Europe/Berlin";
const today = { from: new Date(Date.now() - 7_200_000), to: new Date(Date.now() + 7_200_000), timezone };
const near = (one: number, two: number): void => assert.ok(Math.abs(one - two) < 5e-6, `${one} and ${two}`);

test("the journal's costs are those of the runs, and those that the budgets settled", async () => {
  const { sql } = stage.gateway;
  const [runs] = await sql<{ cost: number; tokens: number }[]>`
    select sum(cost)::float8 as cost, sum(input_tokens + output_tokens)::float8 as tokens from runs`;
  const budget = (await budgetsOfDay(sql, dayOf(new Date(), timezone))).find(({ scope }) => scope === "agent:ops");
  const total = totalOf(await costsBy(sql, { ...today, by: "agent" }));
  const byHand = (603 + 400 * 0.1 + 2_010) / 1e6 + 0.000_123_4 + 0.000_777_7 + (211 + 130) / 1e6 + 0.004_2;
  near(total.cost, byHand);
  near(total.cost, runs?.cost ?? 0);
  near(total.cost, budget?.spent.money ?? 0);
  assert.deepEqual([total.calls, total.withoutCost, total.reasoningTokens, total.cachedTokens], [5, 0, 77, 400]);
  assert.equal(total.inputTokens + total.outputTokens, runs?.tokens);
  assert.equal(total.inputTokens + total.outputTokens, budget?.spent.tokens);
});

test("each call says where its cost is from", async () => {
  const rows = await stage.gateway.sql<{ source: string; count: number }[]>`
    select cost_source as source, count(*) from journal where type = 'llm.answered' group by 1 order by 1`;
  assert.deepEqual(
    rows.map(({ source, count }) => [source, count]),
    [
      ["config", 2],
      ["provider", 3],
    ],
  );
});

/** The output of `claw audit costs`, and what it failed with. */
async function costs(...argv: string[]): Promise<{ lines: string[]; error: string }> {
  const lines: string[] = [];
  const { current: config } = stage.gateway.holder;
  const withUrl = { ...config, database: { ...config.database, url: { reveal: () => stage.gateway.databaseUrl } } };
  const program = new Command("audit").exitOverride().configureOutput({ writeErr: () => {} });
  addCosts(program, {
    env: new Environment(testEnvironment),
    configFile: () => config.file,
    loadConfig: async () => withUrl as unknown as Config,
    out: (line) => lines.push(line),
    note: () => {},
  });
  try {
    await program.parseAsync(["costs", ...argv], { from: "user" });
    return { lines, error: "" };
  } catch (thrown) {
    return { lines, error: (thrown as Error).message };
  }
}

test("claw audit costs prints a table by agent, its total and the month so far", async () => {
  const { lines, error } = await costs();
  assert.equal(error, "");
  assert.match(lines[0] ?? "", /^Costs by agent, \d{4}-\d{2}-01 to \d{4}-\d{2}-\d{2} \(Europe\/Berlin\), in USD$/);
  assert.match(lines[1] ?? "", /^AGENT +CALLS +INPUT +CACHED +OUTPUT +REASONING +COST +UNKNOWN$/);
  assert.match(lines[2] ?? "", /^ops +5 +2721 +400 +270 +77 +0\.0080\d\d +0$/);
  assert.match(lines[3] ?? "", /^total +5 /);
  assert.match(lines[5] ?? "", /^\d{4}-\d{2}: 0\.0081 so far; a forecast needs one whole day$/);
  assert.equal(lines.length, 6);
});

test("claw audit costs has a chat, which is of no job, as a dash", async () => {
  assert.match((await costs("--by", "job")).lines[2] ?? "", /^- +5 /);
});

test("claw audit costs prints all of it as JSON for days that are named", async () => {
  const { lines } = await costs("--by", "principal", "--since", "2026-01-01", "--until", "2199-12-31", "--json");
  const json = JSON.parse(lines.join("\n")) as { rows: CostRow[]; total: CostRow; currency: string; until: string };
  assert.deepEqual(new Set(json.rows.map(({ key }) => key)), new Set(people.map((person) => `telegram:${person}`)));
  assert.equal(json.total.calls, 5);
  assert.deepEqual([json.currency, json.until], ["USD", "2199-12-31"]);
  assert.deepEqual((await costs("--since", "2020-01-01", "--until", "2020-01-31")).lines[1], "No calls.");
});

test("claw audit costs says of what is no day, or no word to sum by, what is meant", async () => {
  for (const day of ["yesterday", "2026-02-30", "2026-13-01", "2026-1-1"])
    assert.match((await costs("--since", day)).error, /^--since .*: write a day as 2026-11-24$/);
  assert.match((await costs("--since", "2026-05-02", "--until", "2026-05-01")).error, /is before the first day/);
  assert.match((await costs("--by", "moon")).error, /Allowed choices are day, month, agent/);
});
