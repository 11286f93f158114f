import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { identityOpener } from "../../lib/audit/open-run.ts";
import { scanDatabase } from "../support/database-scan.ts";
import { testEnvironment } from "../support/gateway.ts";
import { lastRun } from "../support/journal.ts";
import { openedJournals } from "../support/readable.ts";
import { group, type Stage, startStage } from "../support/stage.ts";
import { stranger } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

const canaries = {
  said: "canary-said-by-the-person-4711",
  saidInGroup: "canary-said-in-the-group-4711",
  strange: "canary-said-by-a-stranger-4711",
  answered: "canary-answered-by-the-model-4711",
  argument: "canary-argument-of-a-tool-4711",
  broken: "canary-in-broken-arguments-4711",
  tool: "canary_named_by_the_model_4711",
  heard: "canary-heard-in-a-voice-note-4711",
  failure: "canary-in-a-provider-error-4711",
  refused: "canary-in-a-refusal-of-telegram-4711",
  search: "canary-searched-for-4711",
  waiting: "canary-that-waits-4711",
};
const prompt = "You help with the homelab.";

let stage: Stage;
/** The operator's, for whom all runs are sealed. */
let identity: string;

before(async () => {
  identity = await generateIdentity();
  stage = await startStage({
    backend: 'transcription_model = "ears"',
    model: { transcript: canaries.heard },
    top: `log_level = "debug"\n\n[audit]\nrecipient = "${await identityToRecipient(identity)}"\n`,
  });
  await play();
});
after(async () => {
  await stage.say(waiting, "/stop");
  await until(async () => (await lastRun(stage.gateway.sql, waiting))["state"] === "cancelled");
  await stage.stop();
});

/** Whose run is still at work while everything is searched. */
let waiting: number;

/** Everything that can be said, asked, refused or broken, with a canary in it. */
async function play(): Promise<void> {
  const { botApi, model } = stage;
  const [person, other] = [stage.person(), stage.person()];
  waiting = other;
  model.setScript([
    {
      text: canaries.answered,
      toolCalls: [
        { name: "commitments_add", arguments: { text: canaries.argument } },
        { name: "history_search", arguments: { query: canaries.search } },
        { name: canaries.tool, arguments: { text: canaries.argument } },
        { name: "commitments_add", arguments: `{"text": "${canaries.broken}` },
        { name: "commitments_add", arguments: { [canaries.broken]: 1 } },
      ],
    },
    { text: `${canaries.answered} *and* [a link](https://example.org/${canaries.answered})` },
    { status: 400, body: { error: { message: canaries.failure } } },
    { raw: `data: {"error": {"message": "${canaries.failure}"}}\n\n` },
    { text: canaries.answered },
    { text: canaries.answered },
  ]);
  await stage.say(person, canaries.said);
  await stage.heard(person);
  for (let failing = 0; failing < 2; failing++) {
    await stage.say(person, canaries.said);
    await stage.heard(person);
  }
  await stage.say(stranger, canaries.strange);
  await stage.heard(stranger);
  await stage.sayIn(group, person, `@claw_test_bot ${canaries.saidInGroup}`);
  await stage.heard(group);
  await stage.sayIn(group, person, canaries.saidInGroup);

  botApi.files.set("ogg", {
    path: "voice/1.oga",
    bytes: Buffer.concat([Buffer.from("OggS\0\x02"), Buffer.alloc(22), Buffer.from("OpusHead"), Buffer.alloc(11)]),
  });
  botApi.fail("sendMessage", 1, { error_code: 400, description: `Bad Request: "${canaries.refused}" is wrong` });
  await stage.send(other, { voice: { file_id: "ogg", file_unique_id: "ogg", duration: 1 } });
  await until(
    () => stage.gateway.sql<{ state: string }[]>`select state from outbox where lane = ${`telegram:main:${other}`}`,
    (rows) => rows.length === 2 && rows.every(({ state }) => state === "sent" || state === "failed"),
  );

  // One that is still being worked on, with another that waits behind it, while everything is searched.
  const asked = Promise.withResolvers<void>();
  model.setScript(() => {
    asked.resolve();
    return { hang: true };
  });
  await stage.say(other, canaries.waiting);
  await asked.promise;
  await stage.say(other, canaries.waiting);
  await stage.say(other, `/agent ${canaries.waiting}`);
}

const secrets = Object.values(testEnvironment);
const all = [...Object.values(canaries), ...secrets, prompt];

test("all of it was sealed for the operator, whose identity opens it: it is there to be found", async () => {
  const { sql } = stage.gateway;
  const opened = (await openedJournals(sql, await identityOpener(sql, identity))).join("\n");
  for (const canary of [canaries.said, canaries.answered, canaries.argument, canaries.waiting, prompt])
    assert.ok(opened.includes(canary), canary);
});

test("no secret, message, prompt, argument or result is in any column of any table", async () => {
  const { found, rows } = await scanDatabase(stage.gateway.sql, [...all, identity]);
  assert.deepEqual(found, []);
  assert.ok(rows > 500, `only ${rows} values were looked at`);
});

test("the search of the database finds what is there, as text, as bytes and in base64", async () => {
  const { sql } = stage.gateway;
  await sql`create table planted (note text, raw bytea, doc jsonb)`;
  await sql`insert into planted values (${`x ${canaries.said} y`}, null, null)`;
  await sql`insert into planted values (null, ${Buffer.from(`x ${canaries.said} y`)}, null)`;
  await sql`insert into planted values (null, null, ${sql.json({ a: Buffer.from(`xx${canaries.said}`).toString("base64") })})`;
  const { found } = await scanDatabase(sql, all);
  await sql`drop table planted`;
  assert.deepEqual(found.toSorted(), ["public.planted.doc", "public.planted.note", "public.planted.raw"]);
});

test("the log at debug level has none of them", () => {
  const log = stage.gateway.log();
  assert.ok(log.split("\n").length > 10);
  assert.match(log, /"level":"debug"/);
  for (const canary of all) assert.ok(!log.includes(canary), canary);
});

test("the metrics and the health page have none of them", async () => {
  for (const path of ["/metrics", "/readyz"]) {
    const text = await (await fetch(stage.gateway.privateUrl + path)).text();
    for (const canary of all) assert.ok(!text.includes(canary), `${path}: ${canary}`);
  }
});

test("what a run has done can be told from the columns all the same", async () => {
  const rows = await stage.gateway.sql`
    select tool_name, decision, error_type from journal where type like 'tool.%' and tool_name = 'commitments_add'`;
  assert.ok(rows.length >= 6);
});
