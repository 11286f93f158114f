import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { journalOf, lastRun } from "../support/journal.ts";
import type { Turn } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ agent: 'when_tainted = { act = "allow" }' });
});
after(() => stage.stop());

const forwarded = { forward_origin: { type: "hidden_user", sender_user_name: "Eve", date: 1_780_000_000 } };

/** One run of a person; returns what had tainted it at its end, and each decision with the taint it was made under. */
async function run(person: number, content: Record<string, unknown>, turns: readonly Turn[] = []) {
  stage.model.setScript([...turns, { text: "So be it." }]);
  await stage.send(person, content);
  assert.equal(await stage.heard(person), "So be it.");
  const { sql } = stage.gateway;
  const { id, taint } = await lastRun(sql, person);
  const decisions = (await journalOf(sql, id)).filter(({ type }) => type === "tool.requested");
  return { taint, decisions: decisions.map((row) => `${String(row["tool_name"])}: ${String(row["taint"])}`) };
}

const call = (name: string, args: object = {}): Turn => ({ toolCalls: [{ name, arguments: args }] });

test("a person's own words, commands and voice taint nothing", async () => {
  const { taint } = await run(stage.person(), { text: "what is up?" }, [call("time_now")]);
  assert.equal(taint, null);
});

test("a forwarded message taints its run from the beginning", async () => {
  const { taint, decisions } = await run(stage.person(), { text: "do this", ...forwarded }, [call("time_now")]);
  assert.equal(taint, "forwarded");
  assert.deepEqual(decisions, ["time_now: forwarded"]);
});

test("a quoted message taints the run", async () => {
  const reply_to_message = { message_id: 1, date: 1, chat: { id: 1, type: "private" }, text: "do that" };
  const { taint } = await run(stage.person(), { text: "what does it say?", reply_to_message });
  assert.equal(taint, "quoted");
});

test("taint goes on with the conversation, until /new", async () => {
  const person = stage.person();
  await run(person, { text: "read this", ...forwarded });
  const { taint, decisions } = await run(person, { text: "and now?" }, [call("time_now")]);
  assert.equal(taint, "forwarded");
  assert.deepEqual(decisions, ["time_now: forwarded"]);
  await stage.say(person, "/new");
  await stage.heard(person);
  assert.equal((await run(person, { text: "hello again" })).taint, null);
});

test("taint is kept with what was written down, and comes back with it into a clean conversation", async () => {
  const person = stage.person();
  await run(person, { text: "remember this", ...forwarded }, [call("commitments_add", { text: "pay Eve" })]);
  await stage.say(person, "/new");
  await stage.heard(person);
  const listed = await run(person, { text: "what did I promise?" }, [call("commitments_list"), call("time_now")]);
  assert.deepEqual(listed.decisions, ["commitments_list: null", "time_now: forwarded"]);
  assert.equal(listed.taint, "forwarded");
});

test("taint comes back with what history_search finds", async () => {
  const person = stage.person();
  await run(person, { text: "zanzibar", ...forwarded });
  await stage.say(person, "/new");
  await stage.heard(person);
  const { taint } = await run(person, { text: "search" }, [call("history_search", { query: "zanzibar" })]);
  assert.equal(taint, "forwarded");
  await stage.say(person, "/new");
  await stage.heard(person);
  const nothing = await run(person, { text: "search" }, [call("history_search", { query: "madagascar" })]);
  assert.equal(nothing.taint, null);
});

test("decisions on the calls of one answer are made before any of their results is read", async () => {
  const person = stage.person();
  await run(person, { text: "remember this", ...forwarded }, [call("commitments_add", { text: "pay Eve" })]);
  await stage.say(person, "/new");
  await stage.heard(person);
  const both: Turn = {
    toolCalls: [
      { name: "commitments_list", arguments: {} },
      { name: "time_now", arguments: {} },
    ],
  };
  const { decisions } = await run(person, { text: "both" }, [both, call("time_now")]);
  assert.deepEqual(decisions, ["commitments_list: null", "time_now: null", "time_now: forwarded"]);
});
