import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import type { Principal } from "../../../lib/channel/types.ts";
import { type DrizzlePool, openDrizzle } from "../../../lib/db/drizzle.ts";
import { createCommitments } from "../../../lib/ledger/commitments.ts";
import { ownTurns, turnSeal } from "../../../lib/ledger/turns.ts";
import { Sealer } from "../../../lib/seal.ts";
import { historyTool } from "../../../lib/tools/history.ts";
import { runGranted } from "../../support/granted.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const bodies = new Sealer(randomBytes(32));
const [ada, bob]: Principal[] = ["telegram:1", "telegram:2"];
const conversations = { private: randomUUID(), room: randomUUID(), other: randomUUID() };
let database: TestDatabase;
let pool: DrizzlePool;

before(async () => {
  database = await createTestDatabase();
  pool = openDrizzle(database.url);
  const { sql } = database;
  for (const [name, id] of Object.entries(conversations))
    await sql`insert into conversations (id, lane, agent, active) values (${id}, ${name}, ${name === "other" ? "helper" : "ops"}, true)`;
  for (const [conversation, principal, text] of [
    ["private", ada, "the boiler in private"],
    ["room", ada, "the boiler in the room"],
    ["room", bob, "the boiler of bob"],
    ["other", ada, "the boiler with another agent"],
  ] as const) {
    const run = randomUUID();
    const messages = [
      { role: "user", text },
      { role: "assistant", text: "I see.", toolCalls: [] },
    ];
    await sql`insert into turns (conversation_id, run_id, principal, tokens, body)
      values (${conversations[conversation]}, ${run}, ${principal ?? ""}, 1, ${bodies.sealJson(messages, turnSeal(run))})`;
  }
});
after(async () => {
  await pool.end();
  await database.drop();
});

const search = (principal: Principal | undefined, shared: boolean, query = "boiler") =>
  runGranted(
    historyTool(
      (who) => ownTurns(database.sql, bodies, who),
      () => 90,
    ),
    { query, limit: 10 },
    {
      principal: principal ?? "telegram:0",
      agent: "ops",
      conversationId: conversations.room,
      shared,
      timezone: "UTC",
      now: () => new Date(),
      callKey: "k",
      signal: new AbortController().signal,
      taint: [],
      addTaint: () => {},
      sendFile: async () => {},
      askAgent: () => Promise.reject(new Error("nobody to ask")),
      sendMessage: async () => {},
    },
  );

test("history_search in private finds all that the person said to this agent, and nothing of others", async () => {
  const found = await search(ada, false);
  assert.match(found, /in private/);
  assert.match(found, /in the room/);
  assert.doesNotMatch(found, /of bob|another agent/);
});

test("history_search in a shared room finds what the person said there alone", async () => {
  const found = await search(ada, true);
  assert.match(found, /in the room/);
  assert.doesNotMatch(found, /in private|of bob|another agent/);
});

test("history_search says so where nothing is found", async () => {
  assert.match(await search(ada, false, "chimney"), /^Nothing found for "chimney"/);
});

test("a commitment is added once for its key, seen and ended by its person alone, and limited in number", async () => {
  const store = createCommitments(pool.database, bodies);
  const add = (principal: Principal, callKey: string) =>
    store.add(principal, { text: "call the plumber", due: "2030-01-01", taint: [], callKey, maxOpen: 2 });
  const [first, again] = await Promise.all([add("telegram:1", "k1"), add("telegram:1", "k1")]);
  assert.ok(first !== "full" && again !== "full" && first.id === again.id);
  await add("telegram:1", "k2");
  assert.equal(await add("telegram:1", "k3"), "full");
  assert.equal((await store.list("telegram:2", { includeDone: true })).length, 0);
  assert.equal(await store.complete("telegram:2", first.id), undefined);
  const done = await store.complete("telegram:1", first.id);
  assert.deepEqual((await store.complete("telegram:1", first.id))?.completedAt, done?.completedAt);
  assert.equal((await store.list("telegram:1", { includeDone: false })).length, 1);
});

test("open commitments come first, by due date, and then those that are done, the last first", async () => {
  const store = createCommitments(pool.database, bodies);
  const person = "telegram:77";
  const ids: number[] = [];
  for (const [text, due] of [
    ["someday"],
    ["old", "2020-01-01"],
    ["next", "2030-01-01"],
    ["older", "2019-01-01"],
  ] as const) {
    const added = await store.add(person, { text, due, taint: [], callKey: `order-${text}`, maxOpen: 10 });
    assert.ok(added !== "full");
    ids.push(added.id);
  }
  await store.complete(person, ids[3]!);
  await store.complete(person, ids[1]!);
  const texts = (await store.list(person, { includeDone: true })).map(({ text }) => text);
  assert.deepEqual(texts, ["next", "someday", "old", "older"]);
});
