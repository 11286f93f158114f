import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { claw } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import type { Turn } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const operator = -100777;
const usage = { input: 900, output: 40 };
let stage: Stage;
/** Whether the model looks at the clock before it answers. */
let looksAtClock = false;

before(async () => {
  stage = await startStage({
    script: ({ messages }): Turn =>
      looksAtClock && messages.at(-1)?.role === "user"
        ? { toolCalls: [{ name: "time_now", arguments: {} }], usage }
        : { text: "Hello.", usage },
    top: `operator = "telegram:${operator}"`,
  });
});
after(() => stage.stop());

const reports = (): string[] =>
  stage.botApi.calls
    .filter(({ method, payload }) => method === "sendMessage" && payload["chat_id"] === operator)
    .map(({ payload }) => String(payload["text"]))
    .filter((text) => !text.startsWith("Checkpoint "));

/** Some people say something, one after the other. */
async function talk(people: readonly number[]): Promise<void> {
  for (const person of people) {
    await stage.say(person, "hi");
    await stage.heard(person);
  }
}

/** What is done each minute, now: waits until it is done. */
async function minute(): Promise<void> {
  const { sql } = stage.gateway;
  const [job] = await sql<{ id: string }[]>`select id::text from graphile_worker.add_job('job-tick')`;
  await until(
    async () => (await sql`select 1 from graphile_worker.jobs where id::text = ${job?.id ?? ""}`).length === 0,
  );
}

const people = (count: number): number[] => Array.from({ length: count }, () => stage.person());

const runClaw = async (...argv: string[]): Promise<string> => {
  const { out, errors, code } = await claw(
    {
      ...testEnvironment,
      OPENCLAW_CONFIG: stage.gateway.holder.current.file,
      DATABASE_URL: stage.gateway.databaseUrl,
      PATH: process.env["PATH"] ?? "",
    },
    ...argv,
  );
  assert.equal(code, 0, errors);
  return out;
};

test("an agent that begins to use another tool after its prompt was changed is told of once, with numbers, runs and the prompt as the likely cause", async () => {
  const talkers = people(30);
  await talk([...talkers, ...talkers]);
  await minute();
  assert.deepEqual(reports(), []);
  assert.match(await runClaw("drift"), /^ops +chat +60 +steady +0$/m);

  looksAtClock = true;
  const { holder } = stage.gateway;
  writeFileSync(join(dirname(holder.current.file), "prompt.md"), "You help with the homelab. Say what time it is.\n");
  assert.equal(holder.reload().taken, true);
  await talk(people(12));
  await minute();
  await until(async () => reports().length > 0);
  const [told = ""] = reports();
  assert.match(told, /ops behaves otherwise than before.*in chats/);
  assert.match(told, /runs that use .?time_now.?: 0 % → 100 %/);
  assert.match(told, /Likely cause: prompt .?[0-9a-f]{12}.? → .?[0-9a-f]{12}/);
  const examples = [...told.matchAll(/claw audit show ([0-9a-f-]{36})/g)].map(([, id]) => id ?? "");
  assert.equal(examples.length, 2);
  const calls = await stage.gateway.sql`
    select distinct run_id from journal where tool_name = 'time_now' and run_id = any(${examples}::uuid[])`;
  assert.equal(calls.length, 2);

  await talk(people(12));
  await minute();
  await minute();
  assert.equal(reports().length, 1);

  const shown = await runClaw("drift", "ops");
  assert.match(shown, /Alerts of the last 30 days:\n.*runs that use time_now: 0 % → 100 %/s);
  assert.match(shown, /Likely cause: prompt/);
  const json = JSON.parse(await runClaw("drift", "ops", "--json")) as { kinds: { series: { values: unknown[] }[] }[] };
  assert.equal(json.kinds[0]?.series[0]?.values.length, 84);
});

test("with drift.watch = false nobody is told", async () => {
  const before = reports().length;
  const { gateway, model, toml } = stage;
  gateway.rewrite(`${toml}\n[drift]\nwatch = false\n`);
  assert.equal(gateway.holder.reload().taken, true);
  model.setScript({
    text: "I can't help with that, or anything like it, today or later. ".repeat(20),
    usage: { input: 900, output: 400 },
  });
  await talk(people(30));
  await talk(people(25));
  await minute();
  assert.equal(reports().length, before);
  assert.match(await runClaw("drift", "ops"), /changed/);
});
