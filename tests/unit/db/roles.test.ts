import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { startEmbedded } from "../../../lib/db/embedded.ts";
import { migrate } from "../../../lib/db/migrate.ts";
import { asApp, worksAsOwner } from "../../../lib/db/roles.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { testSettings } from "../../support/global-setup.ts";

const appendOnly = ["journal", "checkpoints", "checkpoint_heads", "key_rotations"];
const views = ["audit_runs", "audit_llm_calls", "audit_tool_calls", "audit_decisions", "audit_costs_daily"];
const refused = { code: "42501" };

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

async function acting<Of>(url: string, work: (sql: Sql) => Promise<Of>): Promise<Of> {
  const sql = connect(url, { max: 1 });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

const as = (url: string, change: { user?: string; role?: string; database?: string }): string => {
  const parsed = new URL(url);
  if (change.user !== undefined) parsed.username = change.user;
  if (change.database !== undefined) parsed.pathname = `/${change.database}`;
  if (change.role !== undefined) parsed.searchParams.set("options", `-c role=${change.role}`);
  return parsed.href;
};

const change = (table: string): string =>
  ["checkpoints", "key_rotations"].includes(table) ? "at = now()" : "hash = ''";

test("the app's role may add to the journal and the checkpoints, and do nothing else to them", async () => {
  await acting(await asApp(database.url), async (sql) => {
    assert.equal(await worksAsOwner(sql), false);
    await sql`insert into checkpoint_heads (run_id, number, rows, hash) values (gen_random_uuid(), 1, 0, '')`;
    for (const table of appendOnly) {
      assert.ok((await sql.unsafe(`select count(*) from ${table}`)).length === 1);
      const statements = [
        `update ${table} set ${change(table)}`,
        `delete from ${table}`,
        `truncate ${table}`,
        `alter table ${table} disable trigger all`,
        `drop trigger ${table}_append_only on ${table}`,
        `drop table ${table}`,
      ];
      for (const statement of statements) await assert.rejects(sql.unsafe(statement), refused, statement);
    }
  });
});

test("the owner's own statements are refused by the triggers", async () => {
  assert.equal(await worksAsOwner(database.sql), true);
  for (const table of appendOnly)
    for (const statement of [`update ${table} set ${change(table)}`, `delete from ${table}`, `truncate ${table}`])
      await assert.rejects(database.sql.unsafe(statement), /append-only/, statement);
});

test("the auditor's role reads the views, the journal and the checkpoints, nothing else, and writes nothing", async () => {
  await acting(as(database.url, { role: "openclaw_audit" }), async (sql) => {
    const readable = [...appendOnly, ...views];
    for (const name of readable) {
      assert.ok(Array.isArray(await sql.unsafe(`select * from ${name} limit 1`)), name);
      await assert.rejects(sql.unsafe(`delete from ${name}`), name);
    }
    for (const table of appendOnly)
      await assert.rejects(sql.unsafe(`insert into ${table} select * from ${table}`), refused, table);
    const others = await database.sql<{ name: string }[]>`
      select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('public', 'graphile_worker', 'drizzle') and c.relkind in ('r', 'v', 'm', 'p')
        and c.relname <> all(${readable})`;
    assert.ok(others.some(({ name }) => name === "run_keys") && others.some(({ name }) => name === "inbox"));
    for (const { name } of others) await assert.rejects(sql.unsafe(`select * from ${name} limit 1`), refused, name);
  });
});

/** A role of this cluster for one test. */
async function withLogin(work: (login: string) => Promise<void>): Promise<void> {
  const login = `login_${randomBytes(4).toString("hex")}`;
  await database.sql.unsafe(`create role ${login} login`);
  try {
    await work(login);
  } finally {
    await database.sql.unsafe(`drop owned by ${login}`);
    await database.sql.unsafe(`drop role ${login}`);
  }
}

test("a login apart from the owner is given the app's role by the migration, and nothing more", async () => {
  await withLogin(async (login) => {
    const url = as(database.url, { user: login });
    await acting(url, (sql) => assert.rejects(sql`select * from runs`, refused));
    await migrate(database.url, url);
    await acting(await asApp(url), async (sql) => {
      assert.equal(await worksAsOwner(sql), false);
      assert.deepEqual([...(await sql`select * from runs`)], []);
      await sql`reset role`;
      await assert.rejects(sql`alter table journal disable trigger all`, refused);
    });
  });
});

test("a login that owns nothing and is asked to migrate is told of database.owner_url", async () => {
  await withLogin(async (login) => {
    await assert.rejects(migrate(as(database.url, { user: login })), {
      code: "environment",
      message: /Set database\.owner_url/,
    });
  });
});

async function withCluster(work: (admin: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-roles-"));
  const cluster = await startEmbedded(directory, testSettings);
  try {
    await work(cluster.url("postgres"));
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

test("an owner who may make roles, and is no superuser, makes them and lets the login and itself act as the app's", async () => {
  await withCluster(async (admin) => {
    await acting(admin, async (sql) => {
      await sql`create role owner login createrole`;
      await sql`create role gateway login`;
      await sql`create database openclaw owner owner`;
    });
    const url = as(admin, { user: "owner", database: "openclaw" });
    const login = as(url, { user: "gateway" });
    await migrate(url, login);
    for (const each of [url, login])
      await acting(await asApp(each), async (sql) => {
        assert.equal(await worksAsOwner(sql), false);
        await assert.rejects(sql`truncate journal`, refused);
      });
    await acting(admin, (sql) => sql`create role auditor login in role openclaw_audit`);
    await acting(as(url, { user: "auditor" }), async (sql) => {
      assert.deepEqual([...(await sql`select * from audit_runs`)], []);
      await assert.rejects(sql`select * from run_keys`, refused);
    });
  });
});

test("where the user may make no roles the gateway works as the owner; a superuser's grant, or a restore, is taken up at the next start", async () => {
  await withCluster(async (admin) => {
    await acting(admin, async (sql) => {
      await sql`create role plain login`;
      await sql`create role gateway login`;
      await sql`create database openclaw owner plain`;
    });
    const url = as(admin, { user: "plain", database: "openclaw" });
    const login = as(url, { user: "gateway" });
    await migrate(url);
    assert.equal(await asApp(url), url);
    assert.equal(await acting(url, worksAsOwner), true);
    await assert.rejects(migrate(url, login), {
      code: "environment",
      message: /may not let "gateway".*as a superuser/,
    });

    // As that error says.
    await acting(admin, async (sql) => {
      await sql`create role openclaw_app nologin`;
      await sql`create role openclaw_audit nologin`;
      await sql`grant openclaw_app to gateway`;
    });
    await migrate(url, login);
    assert.equal(await asApp(url), url);
    assert.equal(await acting(await asApp(login), worksAsOwner), false);
    await acting(await asApp(login), (sql) => assert.rejects(sql`delete from journal`, refused));

    // A dump holds no roles.
    await acting(as(admin, { database: "openclaw" }), async (sql) => {
      for (const role of ["openclaw_app", "openclaw_audit"]) {
        await sql.unsafe(`drop owned by ${role}`);
        await sql.unsafe(`drop role ${role}`);
      }
    });
    const owner = as(admin, { database: "openclaw" });
    await migrate(owner, login);
    await acting(await asApp(login), async (sql) => {
      assert.equal(await worksAsOwner(sql), false);
      assert.equal((await sql`select * from graphile_worker._private_jobs`).length, 0);
      await assert.rejects(sql`truncate journal`, refused);
    });
  });
});
