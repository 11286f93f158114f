import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { journalOf, lastRun, payloadOf } from "../support/journal.ts";
import type { Turn } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ agent: 'deny = ["commitments_complete"]' });
});
after(() => stage.stop());

/** What the model was told about its calls, in the last request. */
function results(): { id: string; text: string }[] {
  const messages = stage.model.requests.at(-1)?.body["messages"] as {
    role: string;
    content: string;
    tool_call_id: string;
  }[];
  return messages.filter(({ role }) => role === "tool").map(({ tool_call_id: id, content: text }) => ({ id, text }));
}

/** One person's run over these turns, up to the answer that follows them. */
async function play(turns: readonly Turn[], person = stage.person()) {
  stage.model.setScript([...turns, { text: "So be it." }]);
  await stage.say(person, "do it");
  assert.equal(await stage.heard(person), "So be it.");
  const { sql } = stage.gateway;
  const run = await lastRun(sql, person);
  const entries = await journalOf(sql, run.id);
  const commitments = await sql`select id from commitments where principal = ${`telegram:${person}`}`;
  return {
    run,
    entries,
    commitments: commitments.length,
    of: (type: string) => entries.filter((entry) => entry.type === type),
  };
}

const add = (text: string) => ({ name: "commitments_add", arguments: { text } });

test("a tool that does not exist is refused, and its name stays out of every column", async () => {
  const { of, run } = await play([{ toolCalls: [{ name: "alerts_silence", arguments: { all: true } }] }]);
  assert.match(results()[0]?.text ?? "", /no tool named "alerts_silence"/);
  const [asked] = of("tool.requested");
  assert.equal(asked?.["decision"], "deny");
  assert.equal(asked?.["tool_name"], null);
  assert.equal((await payloadOf(stage.gateway.sql, run.id, asked))["name"], "alerts_silence");
});

for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"])
  test(`"${name}" is no tool`, async () => {
    const { of } = await play([{ toolCalls: [{ name, arguments: "{}" }] }]);
    assert.match(results()[0]?.text ?? "", /There is no tool named/);
    assert.equal(of("tool.finished")[0]?.["error_type"], "error");
  });

test("a tool the agent is denied is neither offered nor executed, and the rule is journalled", async () => {
  const person = stage.person();
  await play([{ toolCalls: [add("stay open")] }], person);
  const [row] = await stage.gateway.sql<{ id: number }[]>`
    select id from commitments where principal = ${`telegram:${person}`}`;
  const { of } = await play([{ toolCalls: [{ name: "commitments_complete", arguments: { id: row?.id } }] }], person);
  assert.match(results().at(-1)?.text ?? "", /^Not permitted: commitments_complete/);
  const [asked] = of("tool.requested");
  assert.deepEqual([asked?.["decision"], asked?.["rule"]], ["deny", 'agents.ops.deny "commitments_complete"']);
  const offered = stage.model.requests.at(-1)?.body["tools"] as { function: { name: string } }[];
  assert.ok(!offered.some((tool) => tool.function.name === "commitments_complete"));
  const open = await stage.gateway.sql`select 1 from commitments where id = ${row?.id ?? 0} and completed_at is null`;
  assert.equal(open.length, 1);
});

test("a tool the person's groups do not grant is not executed, though the agent may call it", async () => {
  const { of, commitments } = await play([{ toolCalls: [add("for the kid")] }], kid);
  assert.match(results()[0]?.text ?? "", /^Not permitted: commitments_add/);
  assert.equal(of("tool.requested")[0]?.["rule"], `no group of telegram:${kid} grants it`);
  assert.equal(commitments, 0);
});

const bad: [string, string, RegExp][] = [
  ["that are no JSON", "{text: 'x'}", /not valid JSON; the call was not executed/],
  ["cut off in the middle", '{"text": "water the', /not valid JSON; the call was not executed/],
  ["that are a list", '["water"]', /refused; the call was not executed/],
  ["with an unknown key", '{"text":"water","urgent":true}', /refused; the call was not executed/],
  ["of another type", '{"text":7}', /refused; the call was not executed/],
  [
    "with a prototype in them",
    '{"text":"water","__proto__":{"due":"2030-01-01"}}',
    /refused; the call was not executed/,
  ],
];
for (const [what, text, told] of bad)
  test(`arguments ${what} are told to the model and never executed`, async () => {
    const { of, commitments } = await play([{ toolCalls: [{ name: "commitments_add", arguments: text }] }]);
    assert.match(results()[0]?.text ?? "", told);
    assert.equal(of("tool.finished")[0]?.["error_type"], "error");
    assert.equal(commitments, 0);
  });

test("calls of an answer that hit the output limit are never executed, whole as they may look", async () => {
  const { commitments } = await play([{ toolCalls: [add("water the plants")], finishReason: "length" }]);
  assert.match(results()[0]?.text ?? "", /cut off by the output limit and was not executed/);
  assert.equal(commitments, 0);
});

test("a model that mends its arguments gets the call executed once", async () => {
  const { commitments } = await play([
    { toolCalls: [{ name: "commitments_add", arguments: "{" }] },
    { toolCalls: [add("water")] },
  ]);
  assert.equal(commitments, 1);
  assert.match(results().at(-1)?.text ?? "", /^Added #\d+ water$/);
});

test("calls with the same id are told apart, each with its own result", async () => {
  const { of, commitments } = await play([
    {
      toolCalls: [
        { ...add("one"), id: "same" },
        { ...add("two"), id: "same" },
      ],
    },
    { toolCalls: [{ ...add("three"), id: "same" }] },
  ]);
  assert.equal(commitments, 3);
  const ids = of("tool.requested").map((entry) => entry["tool_call_id"]);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(
    results().map(({ text }) => text.replace(/#\d+/, "#")),
    ["Added # one", "Added # two", "Added # three"],
  );
});

test("parallel calls are decided in one write, and their results keep the order of the calls", async () => {
  const names = ["time_now", "commitments_list", "commitments_add", "history_search", "unknown_tool"];
  const { entries } = await play([
    {
      toolCalls: [
        { name: "time_now", arguments: {} },
        { name: "commitments_list", arguments: {} },
        add("parallel"),
        { name: "history_search", arguments: { query: "nothing" } },
        { name: "unknown_tool", arguments: {} },
      ],
    },
  ]);
  const requested = entries.filter(({ type }) => type === "tool.requested");
  assert.deepEqual(
    requested.map(({ seq }) => seq),
    [3, 4, 5, 6, 7],
  );
  assert.equal(new Set(requested.map(({ at }) => at.getTime())).size, 1);
  const calls = (
    stage.model.requests.at(-1)?.body["messages"] as { tool_calls?: { id: string; function: { name: string } }[] }[]
  ).flatMap(({ tool_calls }) => tool_calls ?? []);
  assert.deepEqual(
    calls.map((call) => call.function.name),
    names,
  );
  assert.deepEqual(
    results().map(({ id }) => id),
    calls.map(({ id }) => id),
  );
});

test("a run that has used up its tokens makes none of the calls of its last answer", async () => {
  const { gateway, toml } = stage;
  gateway.rewrite(toml.replace('deny = ["commitments_complete"]', "$&\nlimits = { tokens_per_run = 1000 }"));
  assert.deepEqual(gateway.holder.reload(), { taken: true });
  const person = stage.person();
  stage.model.setScript([{ toolCalls: [add("too late")], usage: { input: 900, output: 200 } }]);
  await stage.say(person, "do it");
  assert.match(await stage.heard(person), /^I stopped: this used up the tokens one run may take\./);
  const run = await lastRun(gateway.sql, person);
  const [asked] = (await journalOf(gateway.sql, run.id)).filter(({ type }) => type === "tool.requested");
  assert.deepEqual([asked?.["decision"], asked?.["rule"]], ["deny", "agents.ops.limits.tokens_per_run is used up"]);
  assert.equal((await gateway.sql`select 1 from commitments where principal = ${`telegram:${person}`}`).length, 0);
  gateway.rewrite(toml);
  gateway.holder.reload();
});
