import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { lastRun } from "../support/journal.ts";
import { group, type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

/** A model that is asked and does not answer. */
function hangingModel(): Promise<void> {
  const asked = Promise.withResolvers<void>();
  stage.model.setScript(() => {
    asked.resolve();
    return { hang: true };
  });
  return asked.promise;
}

const roles = (): string[] =>
  (stage.model.requests.at(-1)?.body["messages"] as { role: string }[]).map(({ role }) => role);

test("/new hides what was said before from the model, and keeps its place among the messages", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Hi." });
  await stage.say(person, "one");
  await stage.heard(person);
  await stage.say(person, "/new");
  assert.match(await stage.heard(person), /^A new conversation/);
  await stage.say(person, "two");
  await stage.heard(person);
  assert.deepEqual(roles(), ["system", "user"]);
  await stage.say(person, "three");
  await stage.heard(person);
  assert.deepEqual(roles(), ["system", "user", "assistant", "user"]);
});

test("/agent changes who answers, and each agent's conversation goes on where it was left", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Hi." });
  await stage.say(person, "to ops");
  await stage.heard(person);
  await stage.say(person, "/agent helper");
  assert.match(await stage.heard(person), /^You are now talking to helper: Helps everybody/);
  await stage.say(person, "to helper");
  await stage.heard(person);
  assert.equal((await lastRun(stage.gateway.sql, person))["agent"], "helper");
  assert.deepEqual(roles(), ["system", "user"]);
  await stage.say(person, "/agent ops");
  await stage.heard(person);
  await stage.say(person, "back to ops");
  await stage.heard(person);
  assert.deepEqual(roles(), ["system", "user", "assistant", "user"]);
});

test("/agent names whom one may choose where the name is of nobody or of somebody out of reach", async () => {
  const person = stage.person();
  for (const name of ["", "nobody", "constructor", "__proto__"]) {
    await stage.say(person, `/agent ${name}`);
    assert.equal(await stage.heard(person), "I know no agent of that name. You may choose: ops, helper.");
  }
  await stage.say(kid, "/agent ops");
  assert.equal(await stage.heard(kid), "I know no agent of that name. You may choose: helper.");
});

test("/agents and /help are answered with what is there for this person", async () => {
  const person = stage.person();
  await stage.say(person, "/agents");
  assert.match(await stage.heard(person), /ops: Watches the homelab\n.*helper: Helps everybody/s);
  await stage.say(kid, "/agents");
  const forKid = await stage.heard(kid);
  assert.ok(forKid.includes("helper") && !forKid.includes("ops"));
  await stage.say(person, "/help");
  assert.match(await stage.heard(person), /\/stop/);
});

test("/status is answered while a run works, with its short id", async () => {
  const person = stage.person();
  const asked = hangingModel();
  await stage.say(person, "think hard");
  await asked;
  await stage.say(person, "and this waits");
  await stage.say(person, "/status");
  const text = await stage.heard(person);
  const { id } = await lastRun(stage.gateway.sql, person);
  assert.ok(text.startsWith("ops (stand-in)"));
  assert.ok(text.includes(`(run ${id.slice(-8)})`));
  assert.match(text, /waiting: 1/);
  assert.match(text, /tools for you: .*time_now/);
  await stage.say(person, "/stop");
  await stage.heard(person);
});

test("/stop ends a hanging model call, answers once, and drops what waits", async () => {
  const person = stage.person();
  const asked = hangingModel();
  await stage.say(person, "never answered");
  await asked;
  await stage.say(person, "dropped too");
  await stage.say(person, "/stop");
  assert.match(await stage.heard(person), /^Stopped\. \(run [0-9a-f]{8}\)$/);
  const run = await lastRun(stage.gateway.sql, person);
  assert.equal(run["state"], "cancelled");
  const rows = await stage.gateway.sql`
    select state, reason from inbox where principal = ${`telegram:${person}`} and kind = 'message' order by id`;
  assert.deepEqual(
    rows.map(({ state, reason }) => [state as string, reason as string | null]),
    [
      ["done", null],
      ["ignored", "stopped"],
    ],
  );
  stage.model.setScript({ text: "Here again." });
  await stage.say(person, "hello?");
  assert.equal(await stage.heard(person), "Here again.");
  assert.equal(stage.count(person), 2);
});

test("/stop with nothing to stop says so", async () => {
  const person = stage.person();
  await stage.say(person, "/stop");
  assert.equal(await stage.heard(person), "Nothing is running.");
});

test("/stop reaches a run of another replica", async () => {
  const person = stage.person();
  const asked = hangingModel();
  await stage.say(person, "think");
  await asked;
  const replica = await stage.gateway.replica();
  try {
    const { id } = await lastRun(stage.gateway.sql, person);
    // As the other replica's control task does it: the wish in the row, and a word to everybody.
    await stage.gateway.sql`update runs set cancel_requested_at = now() where id = ${id}`;
    await stage.gateway.sql.notify("openclaw_cancel", id);
    assert.match(await stage.heard(person), /^Stopped\./);
  } finally {
    await replica.stop();
  }
});

test("GHSA-2gvc-4f3c-2855: a right in a direct chat gives no command over a group's conversation", async () => {
  const { model, gateway } = stage;
  const person = stage.person();
  model.setScript({ text: "Hi." });
  await stage.sayIn(group, person, "@claw_test_bot one");
  await stage.heard(group);
  for (const command of ["/new@claw_test_bot", "/agent@claw_test_bot helper"]) await stage.sayIn(group, kid, command);
  await until(
    () => gateway.sql<{ state: string }[]>`
      select state from inbox where principal = ${`telegram:${kid}`} and lane = ${`telegram:main:${group}`}`,
    (rows) => rows.length === 2 && rows.every(({ state }) => state === "denied"),
  );
  assert.equal(stage.count(group), 1);
  await stage.sayIn(group, person, "@claw_test_bot two");
  await stage.heard(group);
  assert.deepEqual(roles(), ["system", "user", "assistant", "user"]);
  assert.equal((await lastRun(gateway.sql, person))["agent"], "ops");

  const asked = hangingModel();
  await stage.sayIn(group, person, "@claw_test_bot work on this");
  await asked;
  await stage.sayIn(group, kid, "/stop@claw_test_bot");
  assert.equal(await stage.heard(group), "No agent here may answer you.");
  assert.equal((await lastRun(gateway.sql, person))["state"], "running");
  await stage.sayIn(group, person, "/stop@claw_test_bot");
  assert.match(await stage.heard(group), /^Stopped\./);
});
