import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { actions, group, type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;
before(async () => {
  stage = await startStage({ config: (toml) => rated(toml, "principal_per_minute = 3\nroom_per_minute = 8") });
});
after(() => stage.stop());

const rated = (toml: string, rate: string): string => toml.replace(/\[rate\][^[]*/, `[rate]\n${rate}\n\n`);

function limited(rate: string): void {
  stage.gateway.rewrite(rated(stage.toml, rate));
  assert.equal(stage.gateway.holder.reload().taken, true);
}

/** Inbox rows of a person by state. */
const states = async (person: number): Promise<string[]> =>
  (
    await stage.gateway.sql<{ state: string }[]>`
      select state from inbox where principal = ${`telegram:${person}`} order by id`
  ).map(({ state }) => state);

const chat = async (person: number): Promise<string> => {
  await stage.say(person, "hi");
  return stage.heard(person);
};

test("who asks too often in a minute is told so once, is not answered, and costs no model call", async () => {
  const [person, other] = [stage.person(), stage.person()];
  for (let n = 0; n < 3; n++) assert.equal(await chat(person), "Hello.");
  const asked = stage.model.requests.length;
  assert.match(
    await chat(person),
    /^That is too fast for me: I did not read it\. Try again in ([1-9]|[1-5]\d|60) s\.$/,
  );
  await stage.say(person, "and again");
  await until(
    () => states(person),
    (all) => all.join() === "done,done,done,refused,refused",
  );
  assert.equal(stage.count(person), 4);
  assert.equal(stage.model.requests.length, asked);
  const [row] = await stage.gateway.sql`
    select reason from inbox where principal = ${`telegram:${person}`} and state = 'refused' limit 1`;
  assert.equal(row?.["reason"], "too fast: rate.principal_per_minute");
  assert.equal(await chat(other), "Hello.");
});

test("a minute later a person may ask again", async () => {
  const person = stage.person();
  for (let n = 0; n < 3; n++) await chat(person);
  await stage.gateway
    .sql`update runs set started_at = started_at - interval '61 seconds' where principal = ${`telegram:${person}`}`;
  assert.equal(await chat(person), "Hello.");
});

test("what several people ask in one room is limited together", async () => {
  const people = [stage.person(), stage.person(), stage.person(), stage.person()];
  for (let n = 0; n < 8; n++) {
    await stage.sayIn(group, people[n % 4] ?? 0, "@claw_test_bot hi");
    assert.match(await stage.heard(group), /Hello\./);
  }
  await stage.sayIn(group, people[0] ?? 0, "@claw_test_bot hi");
  assert.match(await stage.heard(group), /too fast for me/);
  assert.equal(await chat(people[3] ?? 0), "Hello.", "elsewhere they may go on");
});

test("replicas count together", async () => {
  const replica = await stage.gateway.replica();
  try {
    const person = stage.person();
    const there = actions(stage.botApi, () => replica.publicUrl);
    for (let n = 0; n < 3; n++) {
      await (n % 2 ? stage : there).say(person, "hi");
      assert.equal(await stage.heard(person), "Hello.");
    }
    await there.say(person, "hi");
    assert.match(await stage.heard(person), /too fast for me/);
    await stage.say(person, "hi");
    await until(
      () => states(person),
      (all) => all.join() === "done,done,done,refused,refused",
    );
  } finally {
    await replica.stop();
  }
});

test("a person's further messages wait while as many of their runs are under way as may be, and others do not", async () => {
  limited("principal_per_minute = 1000\nprincipal_runs = 1");
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  stage.model.setScript(async ({ messages }) => {
    const said = String(messages.findLast(({ role }) => role === "user")?.content);
    asked.push(said);
    if (said.includes("slow")) await gate.promise;
    return { text: `You said ${said}` };
  });
  const [person, other] = [stage.person(), stage.person()];
  await stage.say(person, "slow");
  await until(async () => asked.length === 1);
  // A second lane of theirs.
  await stage.sayIn(group, person, "@claw_test_bot quick");
  assert.match(await chat(other), /^You said hi/);
  assert.equal(asked.length, 2);
  assert.deepEqual(await states(person), ["running", "new"]);
  const ready = (await (await fetch(`${stage.gateway.privateUrl}/readyz`)).json()) as { queue: { ok: boolean } };
  assert.equal(ready.queue.ok, true);
  gate.resolve();
  assert.match(await stage.heard(person), /^You said slow/);
  await until(
    () => states(person),
    (all) => all.join() === "done,done",
  );
  assert.equal(asked.length, 3);
});
