import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { lastRun } from "../support/journal.ts";
import { group, type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { twoSteps } from "./world.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

/** Cuts the gateway's connections of a kind, the test's own excepted. */
async function cut(name: string): Promise<number> {
  const [own] = await stage.gateway.sql<{ pids: number[] }[]>`select array[pg_backend_pid()] as pids`;
  const rows = await stage.gateway.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> all(${own?.pids ?? []}) and pid <> pg_backend_pid()
      and application_name like ${name}`;
  return rows.length;
}

/** A model of two steps that stops at one of them until it is let on. */
function heldAt(step: 1 | 2) {
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let held = false;
  stage.model.setScript(async (request) => {
    const now = request.messages.at(-1)?.role === "tool" ? 2 : 1;
    if (now === step && !held) {
      held = true;
      asked.resolve();
      await gate.promise;
    }
    return twoSteps(request);
  });
  return { asked: asked.promise, open: () => gate.resolve() };
}

const settledFor = (person: number) =>
  until(
    () => stage.gateway.sql<{ open: number }[]>`
      select (select count(*) from inbox where principal = ${`telegram:${person}`} and state in ('new', 'running'))::int
        + (select count(*) from outbox where lane = ${`telegram:main:${person}`} and state in ('pending', 'sending'))::int as open`,
    ([row]) => row?.open === 0,
  );

for (const [name, which] of [
  ["openclaw locks", "the connection that holds the locks"],
  ["%", "every connection"],
] as const)
  for (const step of [1, 2] as const)
    test(`${which} cut during model call ${step}: the message is answered once`, async () => {
      const person = stage.person();
      const { asked, open } = heldAt(step);
      await stage.say(person, "water the plants");
      await asked;
      assert.ok((await cut(name)) > 0);
      open();
      assert.equal(await stage.heard(person), "Noted: water the plants");
      await settledFor(person);
      assert.equal(stage.count(person), 1);
      const { sql } = stage.gateway;
      assert.equal((await lastRun(sql, person))["state"], "done");
      assert.equal((await sql`select 1 from runs where principal = ${`telegram:${person}`}`).length, 1);
      assert.equal((await sql`select 1 from commitments where principal = ${`telegram:${person}`}`).length, 1);
    });

test("every connection cut while nothing is going on: the next message is answered, /stop works, a group too", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Still here." });
  await cut("%");
  await until(
    () => stage.say(person, "hi"),
    (status) => status === 200,
  );
  assert.equal(await stage.heard(person), "Still here.");
  await stage.sayIn(group, person, "@claw_test_bot hi");
  assert.equal(await stage.heard(group), "Still here.");
  const { asked, open } = heldAt(1);
  await stage.say(person, "think");
  await asked;
  await stage.say(person, "/stop");
  const texts = [await stage.heard(person)];
  // A push that was committed though its answer was lost may have been repeated, never answered twice.
  assert.match(texts[0] ?? "", /^Stopped\./);
  open();
});

test("after all of it no lane is locked by nobody's work", async () => {
  const lanes = await until(
    () => stage.gateway.sql`select 1 from pg_locks where locktype = 'advisory' and classid = 7301003`,
    ({ length }) => length === 0,
  );
  assert.equal(lanes.length, 0);
});
