import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type DrizzlePool, openDrizzle } from "../../../lib/db/drizzle.ts";
import { createNotes } from "../../../lib/ledger/notes.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import type { NoteOwner, NoteStore, NoteToWrite } from "../../../lib/tools/notes.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let pool: DrizzlePool;
let store: NoteStore;
let people = 0;
let calls = 0;

before(async () => {
  database = await createTestDatabase();
  pool = openDrizzle(database.url);
  store = createNotes(pool.database, createKeyring(newKey()));
});
after(async () => {
  await pool.end();
  await database.drop();
});

const newOwner = (agent = "ops"): NoteOwner => ({ agent, principal: `telegram:${++people}` });
const write = (owner: NoteOwner, title: string, text: string, more: Partial<NoteToWrite> = {}) =>
  store.write(owner, {
    title,
    text,
    mode: "replace",
    taint: [],
    callKey: `call-${++calls}`,
    maxNotes: 3,
    maxChars: 50,
    ...more,
  });
const titles = async (owner: NoteOwner): Promise<string[]> => {
  const found: string[] = [];
  for await (const { title } of store.list(owner)) found.push(title);
  return found;
};

test("a note is found by its title whatever its case, spaces and width, by its agent and person alone", async () => {
  const owner = newOwner();
  await write(owner, "Guest  Wi-Fi", "off");
  for (const title of ["Guest  Wi-Fi", " guest wi-fi", "ＧＵＥＳＴ wi-fi"])
    assert.equal((await store.read(owner, title))?.text, "off", title);
  assert.equal(await store.read({ ...owner, agent: "helper" }, "guest wi-fi"), undefined);
  assert.equal(await store.read(newOwner(), "guest wi-fi"), undefined);
  assert.deepEqual(await titles(newOwner()), []);
});

test("append adds a line and lets the taint grow; replace makes both anew", async () => {
  const owner = newOwner();
  await write(owner, "List", "milk", { mode: "append", taint: ["forwarded"] });
  await write(owner, "list", "eggs", { mode: "append", taint: ["tool:http_get", "forwarded"] });
  await write(owner, "list", "salt", { mode: "append" });
  const grown = await store.read(owner, "list");
  assert.deepEqual([grown?.title, grown?.text], ["List", "milk\neggs\nsalt"]);
  assert.deepEqual(grown?.taint, ["forwarded", "tool:http_get"]);
  await write(owner, "LIST", "none", { taint: ["quoted"] });
  assert.deepEqual((await store.read(owner, "list"))?.taint, ["quoted"]);
  await write(owner, "list", "clean");
  const replaced = await store.read(owner, "list");
  assert.deepEqual([replaced?.text, replaced?.taint], ["clean", []]);
});

test("a repeated call changes nothing, also where another run wrote in between", async () => {
  const owner = newOwner();
  const first = { mode: "append", callKey: "run:1" } as const;
  await write(owner, "log", "one", first);
  await write(owner, "log", "two", { mode: "append" });
  const again = await write(owner, "log", "one", first);
  assert.ok(typeof again === "object");
  assert.equal(again.text, "one\ntwo");
  assert.equal((await store.read(owner, "log"))?.text, "one\ntwo");
});

test("the limits hold, also for writers side by side, and nothing is changed past them", async () => {
  const owner = newOwner();
  const written = await Promise.all(["a", "b", "c", "d", "e"].map((title) => write(owner, title, "x")));
  assert.equal(written.filter((each) => each === "too_many").length, 2);
  const [kept = ""] = await titles(owner);
  assert.equal(await write(owner, kept, "x".repeat(51)), "too_long");
  assert.equal(await write(owner, kept, "x".repeat(49), { mode: "append" }), "too_long");
  assert.equal((await store.read(owner, kept))?.text, "x");
  assert.notEqual(await write(owner, kept, "y"), "too_many");
});

test("appends side by side are all kept", async () => {
  const owner = newOwner();
  await Promise.all(Array.from({ length: 8 }, (_, at) => write(owner, "log", String(at), { mode: "append" })));
  const { text = "" } = (await store.read(owner, "log")) ?? {};
  assert.deepEqual(text.split("\n").sort(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
});

test("all are listed once, the last written first, however many there are", async () => {
  const owner = newOwner();
  for (let at = 0; at < 120; at++) await write(owner, `note ${at}`, "x", { maxNotes: 200 });
  await write(owner, "note 7", "again", { maxNotes: 200 });
  const listed = await titles(owner);
  assert.equal(listed[0], "note 7");
  assert.equal(new Set(listed).size, 120);
  assert.equal(listed.length, 120);
});

test("nothing of a note is in the clear, equal titles of two people have nothing in common, and a moved body does not open", async () => {
  const [one, other] = [newOwner(), newOwner()];
  for (const owner of [one, other]) await write(owner, "canary-title", "canary-text");
  const rows = await database.sql<{ all: string; title_hash: string; body: Uint8Array }[]>`
    select notes::text as all, title_hash, body from notes where principal in (${one.principal}, ${other.principal})`;
  assert.equal(new Set(rows.map(({ title_hash }) => title_hash)).size, 2);
  for (const { all, body } of rows) assert.ok(!all.includes("canary") && !Buffer.from(body).includes("canary"));
  await database.sql`update notes set body = (select body from notes where principal = ${one.principal})
    where principal = ${other.principal}`;
  await assert.rejects(store.read(other, "canary-title"), { code: "environment" });
});
