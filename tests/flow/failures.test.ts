import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { journalOf, lastRun } from "../support/journal.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;
let spare: ModelServer;

before(async () => {
  spare = await startModelServer({ text: "From the spare." });
  stage = await startStage({
    agent: "limits = { steps = 3, tokens_per_run = 1000, seconds = 60 }",
    config: (toml) =>
      `${toml}
[backends.guarded]
base_url = "BROKEN"
model = "broken"
retries = 0
fallback = ["spare"]
[backends.spare]
base_url = "${spare.url}"
model = "spare-model"
[backends.slow]
base_url = "MAIN"
api_key = { env = "LLM_API_KEY" }
model = "slow"
[agents.guarded]
description = "Has a spare"
backend = "guarded"
prompt = "prompt.md"
telegram = true
[agents.hasty]
description = "Has a second"
backend = "slow"
prompt = "prompt.md"
telegram = true
limits = { seconds = 0.3 }
`
        .replace("BROKEN", "http://127.0.0.1:9/v1")
        .replace("MAIN", /base_url = "([^"]+)"/.exec(toml)?.[1] ?? ""),
  });
});
after(async () => {
  await stage.stop();
  await spare.stop();
});

/** What a person reads when a run fails: one friendly line with the run's short id, and nothing of the inside. */
async function friendly(person: number, line: RegExp, errorType: string): Promise<void> {
  const text = await stage.heard(person);
  const run = await lastRun(stage.gateway.sql, person);
  assert.match(text, line);
  assert.ok(text.endsWith(` (run ${run.id.slice(-8)})`), text);
  assert.ok(!text.includes("\n"));
  assert.doesNotMatch(text, /127\.0\.0\.1|backends?\.|https?:|stack|Error|\b[45]\d\d\b/);
  assert.equal(run["state"], "failed");
  assert.equal(run["error"], errorType);
  const ended = (await journalOf(stage.gateway.sql, run.id)).at(-1);
  assert.deepEqual([ended?.["finish_reason"], ended?.["error_type"]], ["failed", errorType]);
}

const again = { toolCalls: [{ name: "time_now", arguments: {} }] };

test("a run that reaches its step limit stops with a friendly line, its last call made without tools", async () => {
  const person = stage.person();
  stage.model.setScript(again);
  const before = stage.model.requests.length;
  await stage.say(person, "go on for ever");
  await friendly(person, /^I stopped after 3 steps without an answer\./, "limit_reached");
  const asked = stage.model.requests.slice(before);
  assert.equal(asked.length, 3);
  assert.deepEqual(
    asked.map(({ body }) => body["tools"] !== undefined),
    [true, true, false],
  );
});

test("a run that reaches its token limit makes no further call", async () => {
  const person = stage.person();
  stage.model.setScript({ ...again, usage: { input: 900, output: 200 } });
  const before = stage.model.requests.length;
  await stage.say(person, "read everything");
  await friendly(person, /^I stopped: this used up the tokens one run may take\./, "limit_reached");
  assert.equal(stage.model.requests.length, before + 1);
});

test("a run that reaches its time limit is broken off in the middle of a model call", async () => {
  const person = stage.person();
  await stage.say(person, "/agent hasty");
  await stage.heard(person);
  stage.model.setScript({ hang: true });
  await stage.say(person, "take your time");
  await friendly(person, /^I stopped: this took longer than 0\.3 seconds\./, "limit_reached");
});

test("a backend that fails is told in a friendly line, and the reason to the log alone", async () => {
  const person = stage.person();
  stage.model.setScript({ status: 500, body: { error: { message: "internal detail of the provider" } } });
  await stage.say(person, "hi");
  await friendly(person, /^I cannot think just now/, "backend_failed");
  assert.match(stage.gateway.log(), /500: the server failed/);
  assert.doesNotMatch(stage.gateway.log(), /internal detail of the provider/);
  const run = await lastRun(stage.gateway.sql, person);
  const types = (await journalOf(stage.gateway.sql, run.id)).map(({ type }) => type);
  assert.deepEqual(types, ["run.started", "llm.requested", "llm.failed", "run.finished"]);
});

test("after a failed run the next message is answered", async () => {
  const person = stage.person();
  stage.model.setScript({ status: 401 });
  await stage.say(person, "hi");
  await friendly(person, /^I cannot think just now/, "backend_failed");
  stage.model.setScript({ text: "Better now." });
  await stage.say(person, "hi again");
  assert.equal(await stage.heard(person), "Better now.");
});

test("a fallback answers where the first backend does not, and the journal names who did", async () => {
  const person = stage.person();
  await stage.say(person, "/agent guarded");
  await stage.heard(person);
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "From the spare.");
  const run = await lastRun(stage.gateway.sql, person);
  const [, requested, answered] = await journalOf(stage.gateway.sql, run.id);
  assert.deepEqual([requested?.["provider_name"], answered?.["provider_name"]], ["guarded", "spare"]);
  assert.equal(answered?.["response_model"], "spare-model");
});

test("an empty answer is asked for once more, and given up the second time", async () => {
  const person = stage.person();
  stage.model.setScript([{ text: "" }, { text: "Now I know." }]);
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Now I know.");
  const before = stage.model.requests.length;
  stage.model.setScript({ text: "  \n" });
  await stage.say(person, "hi");
  await friendly(person, /^The model gave an empty answer twice\./, "backend_failed");
  assert.equal(stage.model.requests.length, before + 2);
});

test("a text cut off by the output limit says so", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Once upon a", finishReason: "length" });
  await stage.say(person, "a story");
  assert.equal(await stage.heard(person), "Once upon a\n\n[cut off: the model reached its output limit]");
});

test("a stream that breaks off is not taken for an answer", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "this answer will never be whole, whatever one may think of it", cutAfter: 2 });
  await stage.say(person, "hi");
  await friendly(person, /^I cannot think just now/, "backend_failed");
});

test("a history that cannot be opened fails the run once, with a friendly line", async () => {
  const person = stage.person();
  const { sql } = stage.gateway;
  stage.model.setScript({ text: "Hello." });
  await stage.say(person, "one");
  await stage.heard(person);
  await sql`update turns set body = ${Buffer.alloc(40)} where principal = ${`telegram:${person}`}`;
  await stage.say(person, "two");
  await friendly(person, /^Something went wrong on my side/, "environment");
  await stage.say(person, "/new");
  assert.match(await stage.heard(person), /^A new conversation/);
  await stage.say(person, "three");
  assert.equal(await stage.heard(person), "Hello.");
  assert.equal(stage.count(person), 4);
});
