import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { newKey } from "../../../lib/seal.ts";
import { examine, lineOf } from "./support.ts";

describe("the doctor on the database", () => {
  let database: TestDatabase;
  const logins: string[] = [];
  before(async () => {
    database = await createTestDatabase();
  });
  after(async () => {
    for (const login of logins) await database.sql.unsafe(`drop owned by ${login}; drop role ${login}`);
    await database.drop();
  });

  const look = (environment: Record<string, string>, more = "") =>
    examine({ environment: { DATABASE_URL: database.url, ...environment }, more }, ["database", "files.checkpoints"]);
  /** A login without rights, and the URL it connects by. */
  async function login(grant = ""): Promise<string> {
    const name = `doctor_${randomBytes(4).toString("hex")}`;
    logins.push(name);
    await database.sql.unsafe(`create role ${name} login ${grant}`);
    const url = new URL(database.url);
    url.username = name;
    return url.href;
  }
  const states = (found: Awaited<ReturnType<typeof look>>) => found.map(({ state }) => state);

  test("one that is ours, current and append-only is well, with a login that is the owner's warned of", async () => {
    const found = await look({});
    assert.match(lineOf(found, "database"), /^ok: PostgreSQL 1\d\.\d+, \d+ MB, answers in \d+ ms$/);
    assert.equal(lineOf(found, "database.tables"), "ok: every migration is applied");
    assert.match(
      lineOf(found, "database.role"),
      /^warn: acts as openclaw_app, but \S+ could take the owner's rights back -> see docs\/audit\.md/,
    );
    assert.equal(
      lineOf(found, "database.append_only"),
      "ok: journal and checkpoints refuse changes, by rights and by triggers",
    );
    assert.match(lineOf(found, "database.connections"), /^ok: \d+ of \d+ connections in use, \d+ of them ours$/);
  });

  test("a login that may act as the app and is nobody else is well", async () => {
    const found = await look({ DATABASE_URL: await login("in role openclaw_app") });
    assert.match(lineOf(found, "database.role"), /^ok: doctor_\w+ acts as openclaw_app and has no other rights$/);
    assert.match(lineOf(found, "database.tables"), /^skipped: which migrations were applied may not be read/);
  });

  test("a login without rights is told with both ways to give it what it needs", async () => {
    const found = await look({ DATABASE_URL: await login() });
    assert.match(
      lineOf(found, "database.role"),
      /^fail: doctor_\w+ may not write to the tables, and not act as openclaw_app -> set database\.owner_url .* grant openclaw_app to doctor_\w+$/,
    );
    assert.deepEqual(
      found.filter(({ state }) => state === "fail").map(({ name }) => name),
      ["database.role"],
    );
  });

  test("the owner's URL tells which migrations are applied", async () => {
    const more = '[database]\nowner_url = { env = "OWNER" }\n';
    const environment = { DATABASE_URL: await login("in role openclaw_app"), OWNER: database.url };
    assert.equal(lineOf(await look(environment, more), "database.tables"), "ok: every migration is applied");
    await database.sql`update drizzle.__drizzle_migrations set created_at = created_at + 1`;
    assert.match(
      lineOf(await look(environment, more), "database.tables"),
      /^fail: a newer version has migrated its tables -> run that version/,
    );
    await database.sql`update drizzle.__drizzle_migrations set created_at = created_at - 2`;
    assert.match(
      lineOf(await look(environment, more), "database.tables"),
      /^fail: its tables are of an older version -> restart the gateway/,
    );
    await database.sql`update drizzle.__drizzle_migrations set created_at = created_at + 1`;
  });

  test("a trigger that was switched off is told, though the rights hold", async () => {
    await database.sql`alter table journal disable trigger journal_append_only`;
    const line = lineOf(await look({}), "database.append_only");
    await database.sql`alter table journal enable trigger journal_append_only`;
    assert.match(line, /^fail: journal can be rewritten: the append-only trigger is gone or disabled -> /);
  });

  test("another OPENCLAW_KEY than the database's is told, and not shown", async () => {
    await database.sql`
      with run as (
        insert into runs (id, lane, agent, principal, conversation_id, trigger, state, policy_hash, prompt_hash)
        values (gen_random_uuid(), 'telegram:main:1', 'ops', 'telegram:1', gen_random_uuid(), 'chat', 'done', '', '') returning id
      ) insert into run_keys (run_id, wrapped) select id, ${randomBytes(60)} from run`;
    const key = newKey();
    const found = await look({ OPENCLAW_KEY: key });
    assert.match(
      lineOf(found, "database.key"),
      /^fail: OPENCLAW_KEY is not the key this database was sealed with -> set the one it was made with/,
    );
    assert.ok(!JSON.stringify(found).includes(key));
  });

  test("a database without tables, or that does not answer, is one failure, and the rest is skipped", async () => {
    const empty = `doctor_${randomBytes(4).toString("hex")}`;
    const as = async (work: (sql: Sql) => Promise<unknown>): Promise<void> => {
      const sql = connect(database.url, { max: 1 });
      await work(sql);
      await sql.end();
    };
    await as((sql) => sql.unsafe(`create database ${empty}`));
    const url = new URL(database.url);
    url.pathname = `/${empty}`;
    const found = await look({ DATABASE_URL: url.href });
    await as((sql) => sql.unsafe(`drop database ${empty}`));
    assert.match(lineOf(found, "database.tables"), /^fail: its tables are not there yet -> start the gateway/);
    assert.deepEqual(
      found.filter(({ state }) => state === "fail").map(({ name }) => name),
      ["database.tables"],
    );
    const gone = await look({ DATABASE_URL: "postgres://me:canary-password@127.0.0.1:9/none" });
    assert.match(
      lineOf(gone, "database"),
      /^fail: the database does not answer \(ECONNREFUSED\) -> Check DATABASE_URL, that PostgreSQL runs/,
    );
    assert.deepEqual([...new Set(states(gone.filter(({ name }) => name !== "database")))], ["skipped"]);
    assert.doesNotMatch(JSON.stringify(gone), /canary/);
  });

  test("an embedded database that does not run is not held against it: its gateway does not", async () => {
    const found = await examine({}, ["database"]);
    assert.equal(lineOf(found, "database"), "skipped: no gateway runs here");
    assert.deepEqual([...new Set(states(found))], ["skipped"]);
  });

  test("a checkpoint file that is missing is told where the database has checkpoints", async () => {
    assert.equal(lineOf(await look({}), "files.checkpoints"), "skipped: no checkpoint was taken yet");
    await database.sql`
      insert into checkpoints (number, at, runs, heads_hash, previous_hash, hash, signature, public_key)
      values (1, now(), 0, '', '', '', '', '')`;
    assert.match(lineOf(await look({}), "files.checkpoints"), /^warn: \S+checkpoints\.jsonl is empty or not there/);
  });

  test("a checkpoint file that is missing is waited for in a gateway's first two minutes, and told afterwards", async () => {
    let since = new Date();
    const server = createServer((_, response) => void response.end(JSON.stringify({ since: since.toISOString() })));
    await once(server.listen(0, "127.0.0.1"), "listening");
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const seen = async (): Promise<string> =>
        lineOf(
          await examine({ environment: { DATABASE_URL: database.url } }, ["files.checkpoints"], url),
          "files.checkpoints",
        );
      assert.match(await seen(), /^skipped: the gateway, just started, is about to write \S+checkpoints\.jsonl$/);
      since = new Date(Date.now() - 121_000);
      assert.match(await seen(), /^warn: \S+checkpoints\.jsonl is empty or not there/);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
