/** PostgreSQL never takes some value: the run ends there, is paid for once, and the lane goes on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { obeying, withApprovals } from "../support/approvals.ts";
import { expectedHashes, journalOf, lastRun } from "../support/journal.ts";
import type { Turn } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ config: withApprovals });
  // What `fact` is found in, the database itself refuses, as it would a value that no column takes; 40001 once only.
  await stage.gateway.sql.unsafe(`
    create table refusals (fact text, state text);
    create sequence refused;
    create function refuse() returns trigger language plpgsql as $$
    declare found_state text;
    begin
      select state into found_state from refusals where position(fact in to_jsonb(new)::text) > 0;
      if found_state is not null and (found_state <> '40001' or nextval('refused') = 1) then
        raise exception 'refused' using errcode = found_state;
      end if;
      return new;
    end $$;
    create trigger refuse before insert on journal for each row execute function refuse();
    create trigger refuse before update on runs for each row execute function refuse();
    create trigger refuse before insert on approvals for each row execute function refuse();
    grant select on refusals to public;
    grant usage on sequence refused to public`);
});
after(() => stage.stop());

const refuse = (fact: string, state: string) => stage.gateway.sql`insert into refusals values (${fact}, ${state})`;

const noAnswer = /^Something went wrong on my side, and I have no answer\. \(run [0-9a-f]{8}\)$/;

const stream = (id: string, choice: object): Turn => ({
  raw: `data: ${JSON.stringify({ id, choices: [choice] })}\n\ndata: [DONE]\n\n`,
});
const says = (id: string): Turn => stream(id, { delta: { content: "Hi." }, finish_reason: "stop" });
const calls = (id: string, call: string): Turn =>
  stream(id, {
    delta: { tool_calls: [{ index: 0, id: call, function: { name: "time_now", arguments: "{}" } }] },
    finish_reason: "tool_calls",
  });

/** The person hears of it, the model was asked so often, the journal is whole, and the next message is answered. */
async function endsOnce(person: number, asked: number, state = "22003"): Promise<void> {
  const { sql } = stage.gateway;
  const before = stage.model.requests.length;
  await stage.say(person, "hi");
  assert.match(await stage.heard(person), noAnswer);
  assert.equal(stage.model.requests.length - before, asked, "times the model was asked");
  const run = await lastRun(sql, person);
  assert.deepEqual([run["state"], run["error"]], ["failed", "write_refused"]);
  const entries = await journalOf(sql, run.id);
  assert.deepEqual(
    entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
    expectedHashes(entries),
  );
  assert.equal(entries.at(-1)?.["type"], "run.finished");
  assert.equal(entries.at(-1)?.["error_type"], "write_refused");
  assert.match(stage.gateway.log(), new RegExp(`SQLSTATE ${state}`));
  await answersNext(person);
}

async function answersNext(person: number): Promise<void> {
  stage.model.setScript({ text: "Hello." });
  await stage.say(person, "hi again");
  assert.equal(await stage.heard(person), "Hello.");
}

test("an answer that cannot be written ends its run", async () => {
  await refuse("answer-22003", "22003");
  stage.model.setScript(says("answer-22003"));
  await endsOnce(stage.person(), 1);
});

test("an answer with a fact longer than an index takes ends its run", async () => {
  await refuse("answer-54000", "54000");
  stage.model.setScript(says("answer-54000"));
  await endsOnce(stage.person(), 1, "54000");
});

test("a tool call that cannot be written ends its run before the tool is run", async () => {
  await refuse("step-22021", "22021");
  stage.model.setScript([calls("step-22021", "c1"), { text: "Never." }]);
  await endsOnce(stage.person(), 1, "22021");
});

test("a tool's result that cannot be written ends its run", async () => {
  await refuse("result-22P02", "22P02");
  stage.model.setScript([calls("step", "result-22P02"), { text: "Never." }]);
  await endsOnce(stage.person(), 1, "22P02");
});

test("a run whose first entry cannot be written ends, and no model is asked", async () => {
  const person = stage.person();
  await refuse('"type": "run.started"', "22003");
  const before = stage.model.requests.length;
  stage.model.setScript({ text: "Never." });
  await stage.say(person, "hi");
  assert.match(await stage.heard(person), noAnswer);
  assert.equal(stage.model.requests.length, before);
  await stage.gateway.sql`delete from refusals`;
  await answersNext(person);
});

test("a question that cannot be written ends its run", async () => {
  const person = stage.person();
  await refuse('"tool": "commitments_add"', "22003");
  stage.model.setScript(obeying);
  await stage.say(person, "add water the plants");
  assert.match(await stage.heard(person), noAnswer);
  await stage.gateway.sql`delete from refusals`;
  await answersNext(person);
});

test("a run whose end cannot be written at all is given up, and the lane goes on", async () => {
  const person = stage.person();
  await refuse("end-22003", "22003");
  await refuse('"error": "write_refused"', "22003");
  stage.model.setScript(says("end-22003"));
  await stage.say(person, "hi");
  const { sql } = stage.gateway;
  const open = async () =>
    (await sql`select 1 from inbox where principal = ${`telegram:${person}`} and state <> 'done'`).length;
  await until(open, (count) => count === 0);
  assert.equal((await lastRun(sql, person))["state"], "failed");
  await sql`delete from refusals`;
  await answersNext(person);
  assert.equal(stage.count(person), 1);
});

test("a write that failed for a moment is made again", async () => {
  const person = stage.person();
  await refuse("answer-40001", "40001");
  stage.model.setScript(says("answer-40001"));
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hi.");
});
