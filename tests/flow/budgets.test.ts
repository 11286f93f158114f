import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type BudgetState, budgetsOfDay } from "../../lib/ledger/budgets.ts";
import { testEnvironment } from "../support/gateway.ts";
import { journalOf, lastRun } from "../support/journal.ts";
import { awayFromMidnight } from "../support/midnight.ts";
import { actions, type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";

const root = join(import.meta.dirname, "../..");
const operator = -100777;
let stage: Stage;
const usage = { input: 1_000, output: 200 };

before(async () => {
  await awayFromMidnight("Europe/Berlin");
  stage = await startStage({
    script: { text: "Hello.", usage },
    top: `operator = "telegram:${operator}"`,
    backend: "max_output_tokens = 200\nprice = { input = 1, output = 10 }",
    // A checkpoint would be told to the operator at whichever minute a test is in.
    config: (toml) => `${toml}\n[audit]\npost_checkpoints = false\n`,
  });
});
after(() => stage.stop());

/** Takes other limits into the config. */
function limited(toml: string, replaced: readonly [string, string][] = []): void {
  const base = replaced.reduce((text, [from, to]) => text.replace(from, to), stage.toml);
  stage.gateway.rewrite(`${base}\n${toml}`);
  assert.deepEqual(stage.gateway.holder.reload().taken, true);
}

const today = (): string => dayOf(new Date(), "Europe/Berlin");

async function budget(scope: string): Promise<BudgetState | undefined> {
  return (await budgetsOfDay(stage.gateway.sql, today())).find((state) => state.scope === scope);
}

/** What the operator was told so far. */
const reports = (): string[] =>
  stage.botApi.calls
    .filter(({ method, payload }) => method === "sendMessage" && payload["chat_id"] === operator)
    .map(({ payload }) => String(payload["text"]));

/** The output of a `claw` beside the gateway. */
async function claw(...argv: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, "functions/claw.ts"), ...argv], {
    cwd: root,
    env: {
      ...testEnvironment,
      OPENCLAW_CONFIG: stage.gateway.holder.current.file,
      DATABASE_URL: stage.gateway.databaseUrl,
    },
  });
  return stdout;
}

const chat = async (person: number, text = "hi"): Promise<string> => {
  await stage.say(person, text);
  return stage.heard(person);
};

test("where nothing is limited nothing is counted", async () => {
  limited("");
  assert.equal(await chat(stage.person()), "Hello.");
  assert.equal((await stage.gateway.sql`select 1 from budgets`).length, 0);
});

test("a person's day is used up by what the provider counted, then refused with who may raise it, and the operator is told once", async () => {
  // Two calls of 1,200 tokens leave too little for a third, which could take more than it will.
  limited("[groups.owners.limits]\ntokens_per_day = 5000\n");
  const person = stage.person();
  const asked = stage.model.requests.length;
  const answers = [await chat(person)];
  while (answers.at(-1) === "Hello.") answers.push(await chat(person));
  const refusal = answers.at(-1) ?? "";
  assert.match(
    refusal,
    /^I stopped: of the tokens that you may use in a day, too little is left\. There is more after midnight \(Europe\/Berlin\)\. Whoever runs this gateway can raise it \(groups\.owners\.limits\.tokens_per_day\)\. \(run [0-9a-f]{8}\)$/,
  );
  const made = stage.model.requests.length - asked;
  assert.equal(made, answers.length - 1);
  const scope = `principal:telegram:${person}`;
  assert.deepEqual((await budget(scope))?.spent.tokens, made * 1_200);
  assert.deepEqual((await budget(scope))?.held, { tokens: 0, money: 0 });
  assert.ok(made * 1_200 <= 5_000);

  const run = await lastRun(stage.gateway.sql, person);
  assert.deepEqual([run["state"], run["error"]], ["failed", "limit_reached"]);
  assert.equal((await journalOf(stage.gateway.sql, run.id)).at(-1)?.["error_type"], "limit_reached");
  await chat(person);
  const theirs = (): string[] =>
    reports().filter((text) => text.includes(`telegram:${person}`) && text.includes("refused by"));
  await until(async () => theirs().length);
  assert.equal(theirs().length, 1);
  assert.match(
    theirs()[0] ?? "",
    /A run of ops was refused by the budget principal:telegram:\d+\. groups\.owners\.limits\.tokens_per_day: \d+ of 5000 tokens are used/,
  );
  // Another person has a day of their own.
  assert.equal(await chat(stage.person()), "Hello.");
  const metrics = await (await fetch(`${stage.gateway.privateUrl}/metrics`)).text();
  assert.match(metrics, /openclaw_budget_refusals_total\{scope="principal"\} 2/);
});

test("the operator is warned once when the soft threshold of a day is passed", async () => {
  limited("[budget]\nmoney_per_day = 1\nwarn_at = 0.005\n");
  const before = reports().length;
  const person = stage.person();
  // 0.003 each.
  for (let n = 0; n < 3; n++) assert.equal(await chat(person), "Hello.");
  const warned = (): string[] =>
    reports()
      .slice(before)
      .filter((text) => text.startsWith("Budget all"));
  await until(async () => warned().length);
  assert.deepEqual(warned(), [
    `Budget all of ${today()}: used 0.006 of 1 (budget.money_per_day). At the limit its calls are refused until midnight (Europe/Berlin).`,
  ]);
  assert.equal((await budget("all"))?.spent.money, 0.009);
});

test("a run that is too dear is refused in the middle, and what it may cost counts all of its calls", async () => {
  limited("", [["telegram = true", "telegram = true\nlimits = { money_per_run = 0.011 }"]]);
  const person = stage.person();
  const asked = stage.model.requests.length;
  stage.model.setScript(() => ({ toolCalls: [{ name: "time_now", arguments: {} }], usage }));
  assert.match(await chat(person), /^I stopped: of the money that one run may use, too little is left\. Whoever runs/);
  const made = stage.model.requests.length - asked;
  assert.ok(made >= 1 && made <= 3, `${made} calls`);
  stage.model.setScript({ text: "Hello.", usage });
  assert.equal(await chat(person, "again"), "Hello.");
});

test("a call without usage counts as the most it can have been", async () => {
  limited("", [["telegram = true", "telegram = true\nlimits = { tokens_per_day = 100000 }"]]);
  stage.model.setScript({ text: "Hello.", usage: null });
  const spent = async (): Promise<number> => (await budget("agent:ops"))?.spent.tokens ?? 0;
  const before = await spent();
  assert.equal(await chat(stage.person()), "Hello.");
  stage.model.setScript({ text: "Hello.", usage });
  assert.ok((await spent()) - before > 700);
  assert.match(stage.gateway.log(), /it is not known what a call used/);
});

test("of two replicas' calls at once, only as many are made as fit in the one limit", async () => {
  limited("", [["telegram = true", "telegram = true\nlimits = { money_per_day = 0.012 }"]]);
  const replica = await stage.gateway.replica();
  try {
    await stage.gateway.sql`truncate budgets`;
    const asked = stage.model.requests.length;
    const people = Array.from({ length: 12 }, () => stage.person());
    const urls = [stage.gateway.publicUrl, replica.publicUrl];
    await Promise.all(people.map((person, n) => actions(stage.botApi, () => urls[n % 2] ?? "").say(person, "hi")));
    const answers = await Promise.all(people.map((person) => stage.heard(person)));
    const made = answers.filter((text) => text === "Hello.").length;
    assert.ok(made >= 1 && made <= 4, `${made} calls of 0.003`);
    assert.equal(stage.model.requests.length - asked, made);
    const state = await budget("agent:ops");
    assert.deepEqual(state?.spent.money, Number((made * 0.003).toFixed(6)));
    assert.deepEqual(state?.held, { tokens: 0, money: 0 });
  } finally {
    await replica.stop();
  }
});

test("a message that is given up is told to the operator, but not one to the operator", async () => {
  limited("");
  const told = async (): Promise<string[]> =>
    (
      await stage.gateway.sql<{ key: string; state: string }[]>`
        select key, state from outbox where starts_with(key, 'report:undelivered:') order by id`
    ).map(({ state }) => state);
  const blocked = { error_code: 403, description: "Forbidden: bot was blocked by the user" };
  stage.botApi.fail("sendMessage", 1, blocked);
  await stage.say(stage.person(), "hi");
  await until(told, (states) => states.join() === "sent");
  assert.match(reports().at(-1) ?? "", /^A message was not delivered in telegram:main:\d+: /);
  stage.botApi.fail("sendMessage", 2, blocked);
  await stage.say(stage.person(), "hi");
  await until(told, (states) => states.join() === "sent,failed");
  assert.equal(await chat(stage.person()), "Hello.");
  assert.deepEqual(await told(), ["sent", "failed"]);
});

test("claw budgets prints what is spent, held and allowed, also of another day", async () => {
  limited("[groups.owners.limits]\ntokens_per_day = 5000\n");
  const person = stage.person();
  assert.equal(await chat(person), "Hello.");
  const scope = `principal:telegram:${person}`;
  assert.match(await claw("budgets"), new RegExp(`^${scope} +1200 +0 +5000 +0.003 +0 +-$`, "m"));
  const asJson = JSON.parse(await claw("budgets", "--json")) as { day: string; budgets: { scope: string }[] };
  assert.equal(asJson.day, today());
  assert.deepEqual(
    asJson.budgets.find((row) => row.scope === scope),
    { scope, tokens: { spent: 1200, held: 0, limit: 5000 }, money: { spent: 0.003, held: 0, limit: null } },
  );
  assert.match(await claw("budgets", "--day", "2020-01-01"), new RegExp(`^${scope} +0 +0 +5000`, "m"));
  await assert.rejects(claw("budgets", "--day", "yesterday"), /write a day as 2026-11-24/);
});
