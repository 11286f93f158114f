import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { lastRun } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

const reload = (toml: string) => {
  stage.gateway.rewrite(toml);
  return stage.gateway.holder.reload();
};

test("a person revoked while their message waits is denied when it is worked on", async () => {
  const { gateway, model } = stage;
  const person = stage.person();
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  model.setScript(async () => {
    asked.resolve();
    await gate.promise;
    return { text: "The run keeps the config it began with." };
  });
  await stage.say(person, "first");
  await asked.promise;
  assert.equal(await stage.say(person, "second"), 200);
  assert.equal(await stage.say(person, "/new"), 200);
  assert.deepEqual(reload(stage.toml.replace(`"telegram:${person}"`, '"telegram:999"')), { taken: true });
  const before = model.requests.length;
  gate.resolve();
  assert.equal(await stage.heard(person), "The run keeps the config it began with.");
  const states = await until(
    () => gateway.sql<{ state: string; reason: string | null }[]>`
      select state, reason from inbox where principal = ${`telegram:${person}`} order by id`,
    (rows) => rows.every(({ state }) => state !== "new"),
  );
  assert.deepEqual(
    states.map(({ state, reason }) => [state, reason]),
    [
      ["done", null],
      ["denied", "no agent here may answer this person"],
      ["denied", "no agent here may answer this person"],
    ],
  );
  assert.equal(model.requests.length, before);
  assert.equal(stage.count(person), 1);
  assert.deepEqual(reload(stage.toml), { taken: true });
});

test("a tool that is taken away is not offered to the next run", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Hi." });
  const offered = (): number => (stage.model.requests.at(-1)?.body["tools"] as unknown[] | undefined)?.length ?? 0;
  await stage.say(person, "hi");
  await stage.heard(person);
  assert.equal(offered(), 5);
  const policy = (await lastRun(stage.gateway.sql, person))["policy_hash"];
  reload(stage.toml.replace('"commitments_*", "history_search"', '"commitments_list"'));
  await stage.say(person, "hi");
  await stage.heard(person);
  assert.equal(offered(), 2);
  assert.notEqual((await lastRun(stage.gateway.sql, person))["policy_hash"], policy);
  reload(stage.toml);
});

test("a config that is wrong is refused whole, and the one in force goes on", async () => {
  const person = stage.person();
  const outcome = reload(stage.toml.replace('agent = "ops"', 'agent = "nobody"'));
  assert.equal(outcome.taken, false);
  stage.model.setScript({ text: "Still here." });
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Still here.");
});
