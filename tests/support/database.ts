import { randomBytes } from "node:crypto";
import { connect, type Sql } from "../../lib/db/client.ts";
import { migrate } from "../../lib/db/migrate.ts";

const template = "openclaw_template";

/** A database of its own for one test file. */
export interface TestDatabase {
  readonly url: string;
  readonly sql: Sql;
  /** Closes `sql` and drops the database; fails when somebody left a connection open. */
  drop(): Promise<void>;
}

/** Makes the migrated template that every test database is copied from. */
export async function prepareTemplate(admin: string): Promise<void> {
  const sql = connect(admin, { max: 1 });
  await sql.unsafe(`create database ${template}`);
  await sql.end();
  await migrate(withDatabase(admin, template));
}

/** A fresh, migrated database in the run's cluster, or a copy of `template`, which nobody may be connected to. Run tests by `npm test`, which starts it. */
export async function createTestDatabase(options: { max?: number; template?: string } = {}): Promise<TestDatabase> {
  const admin = process.env["OPENCLAW_TEST_POSTGRES"];
  if (!admin) throw new Error("no test cluster: run tests by `npm test [-- file …]`, which starts it");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const maintenance = connect(admin, { max: 1 });
  await maintenance.unsafe(`create database ${name} template ${options.template ?? template}`);
  await maintenance.end();
  const url = withDatabase(admin, name);
  const sql = connect(url, { max: options.max ?? 4 });
  return {
    url,
    sql,
    async drop() {
      await sql.end();
      const dropper = connect(admin, { max: 1 });
      try {
        await dropper.unsafe(`drop database ${name}`);
      } finally {
        await dropper.end();
      }
    },
  };
}

function withDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${name}`;
  return parsed.href;
}
