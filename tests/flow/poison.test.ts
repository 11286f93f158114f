import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

test("a message whose body is damaged is set aside, and those after it are answered", async () => {
  const person = stage.person();
  const lane = `telegram:main:${person}`;
  await stage.gateway.sql`
    insert into inbox (source, channel, lane, principal, kind, state, body)
    values ('damaged', 'telegram', ${lane}, ${`telegram:${person}`}, 'message', 'new', ${Buffer.from("damaged")})`;
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hello.");
  const [row] = await stage.gateway.sql`select state, reason from inbox where source = 'damaged'`;
  assert.deepEqual({ ...row }, { state: "poison", reason: "cannot be opened" });
});

test("an interrupted run whose key is gone is given up with a line, and the lane goes on", async () => {
  const person = stage.person();
  const lane = `telegram:main:${person}`;
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hello.");
  const { sql } = stage.gateway;
  const [run] = await sql<
    { id: string }[]
  >`update runs set state = 'running', finished_at = null where lane = ${lane} returning id`;
  await sql`delete from run_keys where run_id = ${run?.id ?? ""}`;
  await sql`update inbox set state = 'running' where lane = ${lane}`;
  await stage.say(person, "hi again");
  assert.match(
    await stage.heard(person),
    /^Something went wrong on my side, and I have no answer\. \(run [0-9a-f]{8}\)$/,
  );
  assert.equal(await stage.heard(person), "Hello.");
  assert.equal((await sql`select state from runs where id = ${run?.id ?? ""}`)[0]?.["state"], "failed");
});

test("a reply that cannot be opened is given up, and those behind it are sent", async () => {
  const person = stage.person();
  const { sql } = stage.gateway;
  await sql`
    insert into outbox (key, lane, destination, body)
    values ('damaged reply', ${`telegram:main:${person}`}, ${sql.json({ channel: "telegram", bot: "main", chat: person })}, ${Buffer.from("damaged")})`;
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hello.");
  const [row] = await sql`select state, reason from outbox where key = 'damaged reply'`;
  assert.deepEqual({ ...row }, { state: "failed", reason: "cannot be opened" });
});

test("a command whose body is damaged is set aside", async () => {
  const [row] = await stage.gateway.sql<{ id: number }[]>`
    insert into inbox (source, channel, lane, kind, state, body)
    values ('damaged command', 'telegram', 'telegram:main:1', 'control', 'new', ${Buffer.from("damaged")}) returning id`;
  await stage.gateway.sql`
    select graphile_worker.add_job('control', json_build_object('inbox', ${row?.id ?? 0}::int))`;
  const state = async () =>
    (await stage.gateway.sql`select state from inbox where source = 'damaged command'`)[0]?.["state"] as string;
  await until(state, (seen) => seen === "poison");
});

test("a message nobody was woken for is found and answered by recovery", async () => {
  const person = stage.person();
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hello.");
  // As if the process that accepted it had died before it began.
  await stage.gateway.sql`
    update inbox set state = 'new', run_id = null, received_at = now() - interval '1 minute'
    where lane = ${`telegram:main:${person}`}`;
  assert.equal(await stage.heard(person), "Hello.");
  await until(async () => stage.count(person) === 2);
});
