import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ScriptedRequest } from "../support/model-server.ts";
import { group, type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

const lastSaid = ({ messages }: Pick<ScriptedRequest, "messages">): string => String(messages.at(-1)?.content);

/** A model that answers only when it is let, and tells when it is asked. */
function gatedModel() {
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const gate = Promise.withResolvers<void>();
  let [count, working, most] = [0, 0, 0];
  stage.model.setScript(async (request) => {
    asked[count++]?.resolve();
    most = Math.max(most, (working += 1));
    if (count === 1) await gate.promise;
    working -= 1;
    return { text: `You said: ${lastSaid(request)}` };
  });
  return { asked: asked.map(({ promise }) => promise), open: () => gate.resolve(), most: () => most };
}

const runsOf = (lane: string) => stage.gateway.sql<{ id: string; principal: string; state: string }[]>`
  select id, principal, state from runs where lane = ${lane} order by started_at`;

test("what arrives during a run becomes one further run, in order", async () => {
  const person = stage.person();
  const { asked, open, most } = gatedModel();
  await stage.say(person, "one");
  await asked[0];
  await stage.say(person, "two");
  await stage.say(person, "three");
  await stage.say(person, "four");
  open();
  assert.equal(await stage.heard(person), "You said: one");
  assert.equal(await stage.heard(person), "You said: two\n\nthree\n\nfour");
  const runs = await runsOf(`telegram:main:${person}`);
  assert.equal(runs.length, 2);
  assert.equal(most(), 1);
  const rows = await stage.gateway.sql`
    select run_id from inbox where lane = ${`telegram:main:${person}`} and state = 'done' order by id`;
  assert.deepEqual(
    rows.map(({ run_id }) => run_id as string),
    [runs[0]?.id, runs[1]?.id, runs[1]?.id, runs[1]?.id],
  );
});

test("a burst of 120 messages is answered whole, without a run overlapping another", async () => {
  const person = stage.person();
  let [working, most] = [0, 0];
  const heard: string[] = [];
  stage.model.setScript(async (request) => {
    most = Math.max(most, (working += 1));
    await new Promise(setImmediate);
    heard.push(...lastSaid(request).split("\n\n"));
    working -= 1;
    return { text: heard.includes("last") ? "all" : "some" };
  });
  const texts = Array.from({ length: 119 }, (_, index) => `m${index}`);
  await Promise.all(texts.map((text) => stage.say(person, text)));
  await stage.say(person, "last");
  while ((await stage.heard(person)) !== "all");
  assert.equal(most, 1);
  assert.deepEqual(heard.toSorted(), [...texts, "last"].toSorted());
});

test("different chats are worked on at the same time", async () => {
  const [one, two] = [stage.person(), stage.person()];
  const { asked, open } = gatedModel();
  await stage.say(one, "slow");
  await asked[0];
  await stage.say(two, "quick");
  assert.equal(await stage.heard(two), "You said: quick");
  assert.equal(stage.count(one), 0);
  open();
  assert.equal(await stage.heard(one), "You said: slow");
});

test("two persons of one group get runs of their own, and neither is shown the other's tool results", async () => {
  const { model, gateway } = stage;
  const [one, two] = [stage.person(), stage.person()];
  model.setScript([
    { toolCalls: [{ name: "commitments_add", arguments: { text: "buy a secret present" } }] },
    { text: "Noted for you." },
    { text: "Hello, second." },
  ]);
  await stage.sayIn(group, one, "@claw_test_bot remember the present");
  assert.equal(await stage.heard(group), "Noted for you.");
  await stage.sayIn(group, two, "@claw_test_bot what did the other one want?");
  assert.equal(await stage.heard(group), "Hello, second.");

  const body = model.requests.at(-1)?.body as { messages: { role: string; content: string }[] };
  assert.deepEqual(
    body.messages.map(({ role }) => role),
    ["system", "user", "assistant", "user"],
  );
  assert.equal(body.messages[1]?.content, "Ada: remember the present");
  assert.ok(!JSON.stringify(body).includes("secret present"));
  assert.ok(!JSON.stringify(body.messages).includes("commitments_add"));
  const runs = await runsOf(`telegram:main:${group}`);
  assert.deepEqual(
    runs.map(({ principal }) => principal),
    [`telegram:${one}`, `telegram:${two}`],
  );
  const rows = await gateway.sql`select principal from commitments`;
  assert.deepEqual([...rows], [{ principal: `telegram:${one}` }]);
});

test("messages of two persons that wait together are not mixed into one run", async () => {
  const [one, two] = [stage.person(), stage.person()];
  await stage.sayIn(group, one, "/new@claw_test_bot");
  await stage.heard(group);
  const { asked, open } = gatedModel();
  await stage.sayIn(group, one, "@claw_test_bot a");
  await asked[0];
  await stage.sayIn(group, two, "@claw_test_bot b");
  await stage.sayIn(group, one, "@claw_test_bot c");
  open();
  assert.equal(await stage.heard(group), "You said: Ada: a");
  assert.equal(await stage.heard(group), "You said: Ada: b");
  assert.equal(await stage.heard(group), "You said: Ada: c");
});

test("each person is offered the tools of their own grants", async () => {
  const { model, gateway } = stage;
  const person = stage.person();
  const offered = (): string[] => {
    const { tools } = model.requests.at(-1)?.body as { tools?: { function: { name: string } }[] };
    return (tools ?? []).map((tool) => tool.function.name).toSorted();
  };
  model.setScript({ text: "Hi." });
  await stage.say(person, "hi");
  await stage.heard(person);
  assert.deepEqual(offered(), [
    "commitments_add",
    "commitments_complete",
    "commitments_list",
    "history_search",
    "time_now",
  ]);
  await stage.say(kid, "hi");
  await stage.heard(kid);
  assert.deepEqual(offered(), ["time_now"]);
  const [run] = await runsOf(`telegram:main:${kid}`);
  const [row] = await gateway.sql`select agent from runs where id = ${run?.id ?? ""}`;
  assert.equal(row?.["agent"], "helper");
});
