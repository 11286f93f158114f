import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pendingOf } from "../support/approvals.ts";
import { order } from "../support/injection/directives.ts";
import { wellBehaved } from "../support/injection/worst-case-model.ts";
import { journalOf, lastRun } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;

/** ops may ask helper, who may ask scribe, who may ask helper; commitments need a yes where scribe adds them. */
const config = (toml: string): string =>
  toml
    .replace("[groups.owners]\n", "[groups.owners]\napprove = true\n")
    .replace(
      'tools = ["time_now", "commitments_*", "history_search"]',
      'tools = ["time_now", "commitments_*"]\ncalls = ["helper", "scribe"]',
    )
    .replace('tools = ["*"]\ntelegram = true', 'tools = ["*"]\ncalls = ["scribe"]\ntelegram = true')
    .replace(
      "[telegram.main]",
      '[agents.scribe]\ndescription = "Writes"\nbackend = "main"\nprompt = "prompt.md"\ntools = ["commitments_*"]\ncalls = ["helper"]\nask = ["commitments_add"]\ntelegram = true\n\n[telegram.main]',
    );

before(async () => {
  stage = await startStage({ script: wellBehaved, config });
});
after(() => stage.stop());

const ask = (agent: string, request: string): string => order("agent_ask", { agent, request });

interface Row {
  readonly id: string;
  readonly agent: string;
  readonly trigger: string;
  readonly state: string;
  readonly taint: string | null;
  readonly parent_run_id: string | null;
}

/** The runs of a person, those that were asked for after those that asked. */
const runsOf = (person: number): Promise<Row[]> =>
  stage.gateway.sql<Row[]>`select * from runs where principal = ${`telegram:${person}`} order by started_at`;

/** `tool: decision` of a run's calls. */
const decisions = async (run: string | undefined): Promise<string[]> =>
  (await journalOf(stage.gateway.sql, run ?? "")).flatMap((row) =>
    row.type === "tool.requested"
      ? [`${String(row["tool_name"])}: ${String(row["decision"])} (${String(row["taint"])})`]
      : [],
  );

const commitmentsOf = async (person: number): Promise<number> =>
  (await stage.gateway.sql`select 1 from commitments where principal = ${`telegram:${person}`}`).length;

test("another agent's run has its own journal, and its answer goes to the run that asked alone", async () => {
  const person = stage.person();
  await stage.say(person, ask("helper", `What time is it? ${order("time_now")}`));
  assert.match(await stage.heard(person), /^Done\./);
  const [outer, inner, ...more] = await runsOf(person);
  assert.deepEqual([outer?.agent, outer?.trigger, outer?.state], ["ops", "chat", "done"]);
  assert.deepEqual([inner?.agent, inner?.trigger, inner?.state], ["helper", "agent", "done"]);
  assert.equal(inner?.parent_run_id, outer?.id);
  assert.deepEqual(more, []);
  assert.ok((await decisions(inner?.id)).includes("time_now: allow (null)"));
  assert.equal(stage.count(person), 1);
  const [turns] = await stage.gateway.sql`select count(*)::int as count from turns where run_id = ${inner?.id ?? ""}`;
  assert.equal(turns?.["count"], 0);
});

test("the other agent may do only what both may", async () => {
  const person = stage.person();
  // helper may search the history, ops may not.
  await stage.say(person, ask("helper", order("history_search", { query: "boiler" })));
  await stage.heard(person);
  const [, inner] = await runsOf(person);
  const [row] = (await journalOf(stage.gateway.sql, inner?.id ?? "")).filter(({ type }) => type === "tool.requested");
  assert.equal(row?.["decision"], "deny");
  assert.equal(row?.["rule"], "not in agents.ops.tools");
});

test("only agents that config names can be asked, and not four deep", async () => {
  const person = stage.person();
  await stage.say(person, ask("ops", "hello") + ask("nobody", "hello") + ask("constructor", "hello"));
  await stage.heard(person);
  const [run, ...more] = await runsOf(person);
  assert.deepEqual(
    await decisions(run?.id),
    Array.from({ length: 3 }, () => "agent_ask: deny (null)"),
  );
  assert.deepEqual(more, []);

  const deep = stage.person();
  await stage.say(deep, ask("helper", ask("scribe", ask("helper", "hello"))));
  await stage.heard(deep);
  const agents = (await runsOf(deep)).map(({ agent }) => agent);
  assert.ok(agents.length > 2 && agents.every((agent) => ["ops", "helper", "scribe"].includes(agent)));
  const depth = async (id: string | null, all: readonly Row[]): Promise<number> =>
    id === null ? 0 : 1 + (await depth(all.find((row) => row.id === id)?.parent_run_id ?? null, all));
  const all = await runsOf(deep);
  assert.ok(Math.max(...(await Promise.all(all.map(({ id }) => depth(id, all))))) <= 3);
});

test("taint goes down with the request and comes back with the answer", async () => {
  const person = stage.person();
  const forward_origin = { type: "hidden_user", sender_user_name: "Eve", date: 1_780_000_000 };
  await stage.send(person, { text: ask("helper", order("time_now")), forward_origin });
  await stage.heard(person);
  const [, inner] = await runsOf(person);
  assert.equal(inner?.taint, "forwarded");

  const other = stage.person();
  await stage.send(other, { text: order("commitments_add", { text: "x" }), forward_origin });
  const { code } = await pendingOf(stage.gateway.sql, `telegram:${other}`);
  await stage.say(other, `/approve ${code}`);
  await until(async () => (await lastRun(stage.gateway.sql, other))["state"] === "done");
  await stage.say(other, "/new");
  await stage.say(other, ask("helper", order("commitments_list")) + order("time_now"));
  await until(
    async () => (await runsOf(other)).length === 3 && (await runsOf(other)).every(({ state }) => state === "done"),
  );
  const clean = (await runsOf(other)).find(({ agent, taint }) => agent === "ops" && taint?.startsWith("forwarded"));
  const last = (await runsOf(other)).filter(({ agent }) => agent === "ops").at(-1);
  assert.ok(clean);
  assert.deepEqual(await decisions(last?.id), ["agent_ask: allow (null)", "time_now: allow (forwarded)"]);
});

test("where the other agent needs a yes both wait, and both go on when it is given, once", async () => {
  const person = stage.person();
  await stage.say(person, ask("scribe", order("commitments_add", { text: "water the plants" })));
  const { code, run_id } = await pendingOf(stage.gateway.sql, `telegram:${person}`);
  await until(async () => (await runsOf(person)).every(({ state }) => state === "waiting"));
  const [outer, inner] = await runsOf(person);
  assert.deepEqual([outer?.state, inner?.state, inner?.id], ["waiting", "waiting", run_id]);
  assert.equal(await commitmentsOf(person), 0);
  await stage.say(person, `/approve ${code}`);
  await until(async () => (await runsOf(person)).every(({ state }) => state === "done"));
  assert.equal(await commitmentsOf(person), 1);
  assert.equal((await runsOf(person)).length, 2);
});

test("a no is the other agent's result, and both runs end with words", async () => {
  const person = stage.person();
  await stage.say(person, ask("scribe", order("commitments_add", { text: "water the plants" })));
  const { code } = await pendingOf(stage.gateway.sql, `telegram:${person}`);
  await stage.say(person, `/deny ${code}`);
  await until(async () => (await runsOf(person)).every(({ state }) => state === "done"));
  assert.equal(await commitmentsOf(person), 0);
});

test("/stop ends both runs and the question", async () => {
  const person = stage.person();
  await stage.say(person, ask("scribe", order("commitments_add", { text: "water the plants" })));
  await pendingOf(stage.gateway.sql, `telegram:${person}`);
  await until(async () => (await runsOf(person)).every(({ state }) => state === "waiting"));
  await stage.say(person, "/stop");
  await until(async () => (await runsOf(person)).every(({ state }) => state === "cancelled"));
  const rows = await stage.gateway.sql<{ state: string }[]>`
    select state from approvals where principal = ${`telegram:${person}`}`;
  assert.deepEqual(
    rows.map(({ state }) => state),
    ["cancelled"],
  );
  assert.equal(await commitmentsOf(person), 0);
});

test("what the other agent costs is a part of what the run may cost that asked", async () => {
  const person = stage.person();
  stage.gateway.rewrite(
    stage.toml
      .replace('model = "stand-in"', 'model = "stand-in"\nprice = { input = 1, output = 1 }\nmax_output_tokens = 10')
      .replace("[agents.helper]", "limits = { money_per_run = 0.02 }\n\n[agents.helper]"),
  );
  assert.deepEqual(stage.gateway.holder.reload(), { taken: true });
  await stage.say(person, ask("helper", order("time_now")));
  await stage.heard(person);
  const [outer, ...inner] = await runsOf(person);
  const scopes = await stage.gateway.sql<{ scope: string; tokens: string }[]>`
    select scope, tokens from budgets where scope like 'run:%' order by scope`;
  assert.deepEqual(
    scopes.map(({ scope }) => scope),
    [`run:${outer?.id}`],
  );
  const [used] = await stage.gateway.sql<{ tokens: number }[]>`
    select sum(input_tokens + output_tokens)::int as tokens from runs where id = any(${[outer, ...inner].map((run) => run?.id ?? "")})`;
  assert.equal(Number(scopes[0]?.tokens), used?.tokens);
  assert.equal(inner.length, 1);
});

test("a run that may not go on takes the one that it asked for with it", async () => {
  const { gateway, toml } = stage;
  gateway.rewrite(toml);
  gateway.holder.reload();
  const person = stage.person();
  await stage.say(person, ask("scribe", order("commitments_add", { text: "water the plants" })));
  const { code } = await pendingOf(gateway.sql, `telegram:${person}`);
  await until(async () => (await runsOf(person)).every(({ state }) => state === "waiting"));
  gateway.rewrite(toml.replace('agents = ["*"]', 'agents = ["helper", "scribe"]'));
  assert.deepEqual(gateway.holder.reload(), { taken: true });
  await stage.say(person, `/approve ${code}`);
  await until(async () => !(await runsOf(person)).some(({ state }) => ["waiting", "running"].includes(state)));
  assert.deepEqual(
    (await runsOf(person)).map(({ agent, state }) => `${agent} ${state}`),
    ["ops failed", "scribe cancelled"],
  );
  assert.equal(await commitmentsOf(person), 0);
  gateway.rewrite(toml);
  gateway.holder.reload();
});
