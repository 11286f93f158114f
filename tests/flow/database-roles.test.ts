import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { connect, type Sql } from "../../lib/db/client.ts";
import { lastRun } from "../support/journal.ts";
import { startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const name = (): string => `part_${randomBytes(4).toString("hex")}`;

async function asAdmin(url: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = connect(url, { max: 1 });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}

const withParts = (url: string, parts: { user: string; database?: string }): string => {
  const parsed = new URL(url);
  parsed.username = parts.user;
  if (parts.database !== undefined) parsed.pathname = `/${parts.database}`;
  return parsed.href;
};

interface Ready {
  readonly database: { readonly ok: boolean; readonly reason: string };
}

const ready = async (privateUrl: string): Promise<Ready["database"]> =>
  ((await (await fetch(`${privateUrl}/readyz`)).json()) as Ready).database;

test("a login with no rights but the app's role answers a person, with a tool, where the tables are another's", async () => {
  const login = name();
  const stage = await startStage({
    connect: async (ownerUrl) => {
      await asAdmin(ownerUrl, (sql) => sql.unsafe(`create role ${login} login`));
      return { databaseUrl: withParts(ownerUrl, { user: login }), ownerUrl };
    },
  });
  try {
    stage.model.setScript([
      { toolCalls: [{ name: "commitments_add", arguments: { text: "call the plumber" } }] },
      { text: "I noted it." },
    ]);
    const person = stage.person();
    await stage.say(person, "remind me");
    assert.equal(await stage.heard(person), "I noted it.");
    await until(async () => (await lastRun(stage.gateway.sql, person))["state"] === "done");
    await stage.say(person, "/help");
    assert.match(await stage.heard(person), /\/new/);
    const { ok, reason } = await ready(stage.gateway.privateUrl);
    assert.ok(ok && /^PostgreSQL [\d.]+$/.test(reason), reason);
    assert.doesNotMatch(stage.gateway.log(), /works as the owner|"level":"error"/);
    const users = await stage.gateway.sql<{ usename: string }[]>`
      select distinct usename from pg_stat_activity where application_name like 'openclaw%' and pid <> pg_backend_pid()
        and datname = current_database() and usename = ${login}`;
    assert.equal(users.length, 1);
  } finally {
    await stage.stop();
  }
});

test("a gateway that works as the journal's owner, since no roles could be made, says so in its log and at /readyz", async () => {
  const plain = name();
  let admin = "";
  const stage = await startStage({
    connect: async (ownerUrl) => {
      admin = ownerUrl;
      await asAdmin(ownerUrl, async (sql) => {
        await sql.unsafe(`create role ${plain} login`);
        await sql.unsafe(`create database ${plain} owner ${plain}`);
      });
      return { databaseUrl: withParts(ownerUrl, { user: plain, database: plain }) };
    },
  });
  const { privateUrl } = stage.gateway;
  try {
    const person = stage.person();
    await stage.say(person, "hello");
    assert.equal(await stage.heard(person), "Hello.");
    const { ok, reason } = await ready(privateUrl);
    assert.ok(ok);
    assert.match(reason, /as the journal's owner/);
    assert.match(stage.gateway.log(), /"level":"warn".*works as the owner of the journal/);
  } finally {
    const clean = new URL(admin);
    clean.pathname = "/postgres";
    await stage.stop();
    await asAdmin(clean.href, async (sql) => {
      await sql.unsafe(`drop database ${plain}`);
      await sql.unsafe(`drop role ${plain}`);
    });
  }
});
