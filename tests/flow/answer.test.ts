import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectedHashes, journalOf, lastRun, payloadOf } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ backend: "price = { input = 1.0, output = 10.0 }" });
});
after(() => stage.stop());

const addCall = { name: "commitments_add", arguments: { text: "water the plants", due: "2030-01-02" } };

test("a tool-using answer is delivered, and its journal tells each step in order", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  model.setScript([{ toolCalls: [addCall], usage: { input: 200, output: 30 } }, { text: "I **noted** it." }]);
  assert.equal(await stage.say(person, "remind me of the plants"), 200);
  assert.equal(await stage.heard(person), "I noted it.");

  const run = await lastRun(gateway.sql, person);
  assert.equal(run["state"], "done");
  assert.equal(run["agent"], "ops");
  assert.equal(run["steps"], 2);
  assert.equal(run["input_tokens"], 300);
  assert.equal(run["output_tokens"], 50);
  assert.equal(Number(run["cost"]), (300 * 1 + 50 * 10) / 1e6);
  assert.equal(run["policy_hash"], gateway.holder.current.policyHash);

  const entries = await journalOf(gateway.sql, run.id);
  assert.deepEqual(
    entries.map(({ seq, type }) => `${seq} ${type}`),
    [
      "0 run.started",
      "1 llm.requested",
      "2 llm.answered",
      "3 tool.requested",
      "4 tool.finished",
      "5 llm.requested",
      "6 llm.answered",
      "7 run.finished",
    ],
  );
  const [, requested, answered, asked, finished, , final, ended] = entries;
  assert.equal(requested?.["provider_name"], "main");
  assert.equal(requested?.["request_model"], "stand-in");
  assert.equal(answered?.["finish_reason"], "tool_calls");
  assert.match(String(answered?.["provider_request_id"]), /^req_\d+$/);
  assert.deepEqual([answered?.["input_tokens"], answered?.["output_tokens"]], [200, 30]);
  assert.equal(asked?.["tool_name"], "commitments_add");
  assert.equal(asked?.["decision"], "allow");
  assert.equal(asked?.["rule"], 'agents.ops.tools "commitments_*" & groups.owners.tools "*"');
  assert.equal(finished?.["tool_call_id"], asked?.["tool_call_id"]);
  assert.equal(finished?.["error_type"], null);
  assert.notEqual(final?.["provider_request_id"], answered?.["provider_request_id"]);
  assert.equal(ended?.["finish_reason"], "done");
});

test("the model is shown its call with the result, and the commitment stands once", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  model.setScript([{ toolCalls: [addCall] }, { text: "Done." }]);
  const before = model.requests.length;
  await stage.say(person, "the plants again");
  await stage.heard(person);
  const second = model.requests[before + 1]?.body["messages"] as { role: string; content: string }[];
  assert.deepEqual(
    second.map(({ role }) => role),
    ["system", "user", "assistant", "tool"],
  );
  assert.match(second.at(-1)?.content ?? "", /^Added #\d+ water the plants \(due 2030-01-02\)$/);
  const rows = await gateway.sql`select due::text from commitments where principal = ${`telegram:${person}`}`;
  assert.deepEqual([...rows], [{ due: "2030-01-02" }]);
});

test("the hash chain, recomputed from the stored rows, holds, and every payload opens with its run's key", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  model.setScript([{ text: "let me see", toolCalls: [{ name: "time_now", arguments: {} }] }, { text: "It is late." }]);
  await stage.say(person, "what time is it?");
  await stage.heard(person);
  const run = await lastRun(gateway.sql, person);
  const entries = await journalOf(gateway.sql, run.id);
  assert.deepEqual(
    entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
    expectedHashes(entries),
  );
  for (const [index, entry] of entries.entries())
    assert.deepEqual(entry.prev_hash, entries[index - 1]?.hash ?? Buffer.alloc(32));
  const answered = await payloadOf(gateway.sql, run.id, entries[2]!);
  assert.equal(answered["text"], "let me see");
  const finished = await payloadOf(gateway.sql, run.id, entries.at(-1)!);
  assert.equal(finished["text"], "It is late.");
});

test("the journal refuses to be changed, cut or emptied", async () => {
  const { sql } = stage.gateway;
  await assert.rejects(sql`update journal set rule = 'other'`, /append-only/i);
  await assert.rejects(sql`delete from journal`, /append-only/i);
  await assert.rejects(sql`truncate journal`, /append-only/i);
});

test("a model that does not report tokens leaves them unknown, and the cost too", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  model.setScript({ text: "Hi.", usage: null });
  await stage.say(person, "hi");
  await stage.heard(person);
  const run = await lastRun(gateway.sql, person);
  assert.deepEqual([run["input_tokens"], run["output_tokens"], run["cost"]], [null, null, null]);
});

test("an answer too long for one message arrives in order and whole", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  const paragraphs = Array.from({ length: 30 }, (_, index) => `Paragraph ${index} ${"word ".repeat(60).trim()}.`);
  model.setScript({ text: paragraphs.join("\n\n") });
  await stage.say(person, "tell me everything");
  await until(
    () => gateway.sql<{ state: string }[]>`select state from outbox where lane = ${`telegram:main:${person}`}`,
    (rows) => rows.length > 1 && rows.every(({ state }) => state === "sent"),
  );
  const texts = stage.botApi.sent(person).map(({ text }) => text);
  assert.ok(texts.every((text) => text.length <= 4096));
  assert.deepEqual(texts.join("\n\n").split("\n\n"), paragraphs);
});

test("what was said before is shown to the model, a call always with its result", async () => {
  const { model } = stage;
  const person = stage.person();
  model.setScript([{ toolCalls: [{ name: "time_now", arguments: {} }] }, { text: "Noon." }, { text: "As I said." }]);
  await stage.say(person, "what time is it?");
  await stage.heard(person);
  await stage.say(person, "and again?");
  assert.equal(await stage.heard(person), "As I said.");
  const messages = model.requests.at(-1)?.body["messages"] as { role: string; content: string }[];
  assert.deepEqual(
    messages.map(({ role }) => role),
    ["system", "user", "assistant", "tool", "assistant", "user"],
  );
  assert.equal(messages[4]?.content, "Noon.");
  assert.equal(messages[5]?.content, "and again?");
});
