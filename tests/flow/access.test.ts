import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { privateText } from "../support/telegram-updates.ts";
import { group, otherGroup, type Stage, startStage } from "../support/stage.ts";
import { kid, stranger } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

const inboxOf = (person: number) => stage.gateway.sql<{ state: string; reason: string; body: Uint8Array | null }[]>`
  select state, reason, body from inbox where principal = ${`telegram:${person}`} order by id`;

test("a stranger gets one denial an hour, no run and no model call", async () => {
  const { gateway, model } = stage;
  const asked = model.requests.length;
  for (const text of ["let me in", "please", "/status", "/agents", "/stop"])
    assert.equal(await stage.say(stranger, text), 200);
  assert.equal(
    await stage.heard(stranger),
    `This bot is private. If its owner wants you here, tell them your id: telegram:${stranger}`,
  );
  const rows = await inboxOf(stranger);
  assert.equal(rows.length, 5);
  assert.ok(rows.every(({ state, body }) => state === "denied" && body === null));
  // Someone else's answer comes after everything that was under way for the stranger.
  const person = stage.person();
  await stage.say(person, "hi");
  await stage.heard(person);
  assert.equal(stage.count(stranger), 1);
  assert.equal(model.requests.length, asked + 1);
  const runs = await gateway.sql`select 1 from runs where principal = ${`telegram:${stranger}`}`;
  assert.equal(runs.length, 0);
  const conversations = await gateway.sql`select 1 from conversations where lane = ${`telegram:main:${stranger}`}`;
  assert.equal(conversations.length, 0);
});

test("a stranger in a listed group is denied in silence", async () => {
  await stage.sayIn(group, stranger + 1, "@claw_test_bot hello");
  const [row] = await inboxOf(stranger + 1);
  assert.equal(row?.state, "denied");
  assert.equal(stage.count(group), 0);
});

test("a group that is not listed is refused, even for an owner", async () => {
  const person = stage.person();
  await stage.sayIn(otherGroup, person, "@claw_test_bot hello");
  const [row] = await inboxOf(person);
  assert.equal(row?.state, "refused");
  assert.match(row?.reason ?? "", /telegram\.main\.chats/);
  assert.equal(stage.count(otherGroup), 0);
});

test("GHSA-2gvc-4f3c-2855: who may talk to one agent in private is answered by no other in a group", async () => {
  const asked = stage.model.requests.length;
  await stage.sayIn(group, kid, "@claw_test_bot hello");
  await until(
    () => inboxOf(kid),
    (rows) => rows[0]?.state === "denied",
  );
  assert.equal(stage.model.requests.length, asked);
  assert.equal(stage.count(group), 0);
});

test("an update that is pushed again is answered once, even after its run", async () => {
  const person = stage.person();
  stage.model.setScript({ text: "Once." });
  const update = privateText(person, "hi");
  const asked = stage.model.requests.length;
  const statuses = await Promise.all([1, 2, 3].map(() => stage.push(update)));
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.equal(await stage.heard(person), "Once.");
  await stage.push(update);
  await stage.say(person, "next");
  await stage.heard(person);
  assert.equal(stage.model.requests.length, asked + 2);
  assert.equal((await inboxOf(person)).length, 2);
});

test("nothing but messaging is answered by the public listener", async () => {
  const { publicUrl } = stage.gateway;
  for (const path of ["/", "/healthz", "/readyz", "/metrics", "/v1/chat/completions", "/jobs", "/telegram", "/ops"])
    for (const method of ["GET", "POST"]) {
      const answer = await fetch(publicUrl + path, { method });
      assert.equal(answer.status, 404, `${method} ${path}`);
      await answer.text();
    }
});
