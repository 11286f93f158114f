/** Migrations only go forward: from every schema there ever was, with rows in every table of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { publicKeyOf } from "../../../lib/audit/checkpoint.ts";
import { takeCheckpoints } from "../../../lib/audit/checkpoint-take.ts";
import { verifyAudit } from "../../../lib/audit/verify.ts";
import type { Sql } from "../../../lib/db/client.ts";
import { migrate } from "../../../lib/db/migrate.ts";
import { applyMigrations, lastMigration, migrations, migrationsFolder, tablesAt } from "../../../lib/db/migrations.ts";
import { journalOf } from "../../../lib/ledger/runs.ts";
import { createKeyring } from "../../../lib/seal.ts";
import { createEmptyDatabase } from "../../support/empty-database.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { makeOldDatabase } from "../../support/old-schema.ts";
import { startStage } from "../../support/stage.ts";

const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");

/** Every row of the tables of then, in the columns of then, as text. */
async function rowsOf(sql: Sql, tables: ReturnType<typeof tablesAt>): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name, columns } of tables) {
    const rows = await sql<{ row: string }[]>`select row(${sql(columns)})::text as row from ${sql(name)} order by 1`;
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

for (const migration of migrations())
  test(`a database of ${migration.tag} is brought up to date with every row as it was, and its gateway goes on`, async () => {
    const old = await createEmptyDatabase();
    const person = 2001;
    const { run } = await makeOldDatabase(old.sql, migration, { keyring, person });
    const tables = tablesAt(migration);
    const before = await rowsOf(old.sql, tables);
    for (const [name, rows] of Object.entries(before)) assert.ok(rows.length > 0, `${name} has no row`);

    await migrate(old.url);
    assert.equal(await lastMigration(old.sql), migrations().at(-1)?.when);
    assert.deepEqual(await rowsOf(old.sql, tables), before);
    const events = (await journalOf(old.sql, keyring, run)) ?? [];
    assert.deepEqual(
      events.map(({ event }) => event.type),
      ["run.started", "llm.requested", "llm.answered", "tool.requested", "tool.finished", "run.finished"],
    );
    assert.match(JSON.stringify(events), /noted before the upgrade/);

    const stage = await startStage({
      script: { text: "Still here." },
      connect: async () => ({ databaseUrl: old.url }),
    });
    try {
      const heard = [await stage.heard(person), await stage.heard(person)];
      assert.deepEqual(heard.sort(), ["Still here.", "said before the upgrade"]);
      // The model was shown what was said before.
      assert.match(JSON.stringify(stage.model.requests[0]?.body), /noted before the upgrade/);
      assert.doesNotMatch(stage.gateway.log(), /"level":"error"/);
    } finally {
      await stage.stop();
    }
    const key = keyring.checkpointKey();
    await takeCheckpoints(old.sql, { key, now: new Date(Date.now() + 7_200_000), everyMinutes: 60 });
    const verdict = await verifyAudit(old.sql, { key: publicKeyOf(key), checkpointMinutes: 60 });
    assert.deepEqual(verdict.findings.first, []);
    assert.ok(verdict.runs >= 2 && verdict.checkpoints > 0);
    await old.drop();
  });

test("what is noted beside each migration is what the database has after it", async () => {
  const database = await createEmptyDatabase();
  let after: number | undefined;
  for (const migration of migrations()) {
    await database.sql.begin((tx) => applyMigrations(tx, after, migration.when));
    after = migration.when;
    const columns = await database.sql<{ place: string }[]>`
      select table_name || '.' || column_name as place from information_schema.columns join information_schema.tables using (table_schema, table_name)
      where table_schema = 'public' and table_type = 'BASE TABLE'`;
    const noted = tablesAt(migration).flatMap(({ name, columns: each }) => each.map((column) => `${name}.${column}`));
    assert.deepEqual(columns.map(({ place }) => place).sort(), noted.sort(), migration.tag);
  }
  await database.drop();
});

test("tables of a newer version are not worked with", async () => {
  const database = await createEmptyDatabase();
  await migrate(database.url);
  const later = (migrations().at(-1)?.when ?? 0) + 1;
  await database.sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('of a later version', ${later})`;
  await assert.rejects(migrate(database.url), {
    code: "environment",
    message:
      "a newer version of OpenClaw has migrated this database: run that version, or restore a backup from before with this one",
  });
  await database.drop();
});

test("a migration that was released is as it was released", () => {
  const released = JSON.parse(readFileSync(join(import.meta.dirname, "released-migrations.json"), "utf8")) as Record<
    string,
    string
  >;
  for (const [tag, sha256] of Object.entries(released)) {
    const text = readFileSync(join(migrationsFolder, `${tag}.sql`));
    assert.equal(createHash("sha256").update(text).digest("hex"), sha256, `${tag}: add another migration instead`);
  }
  const first = migrations().slice(0, Object.keys(released).length);
  assert.deepEqual(
    Object.keys(released),
    first.map(({ tag }) => tag),
  );
});
