import { ClawError } from "../errors.ts";
import { connect, type Sql } from "./client.ts";
import { lastMigration, migrations, migrationsFolder } from "./migrations.ts";
import { grantRoles, rolesGranted } from "./roles.ts";

/** Any number, the same for every gateway: one at a time migrates, the others wait. */
export const migrationLock = 7_301_001;

/**
 * Brings the ledgers and the queue's tables up to date; safe to call from several processes at once. `login`: the gateway's own
 * URL, where the tables are another user's. Throws ClawError `environment` where this user may not, or the tables are of
 * a newer version.
 */
export async function migrate(url: string, login?: string): Promise<void> {
  const user = login === undefined ? undefined : decodeURIComponent(new URL(login).username);
  try {
    await bringUpToDate(url, user);
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "42501") throw thrown;
    throw new ClawError(
      "environment",
      "the database's user may not migrate its tables: they are another user's. Set database.owner_url to that user's URL",
      { cause: thrown },
    );
  }
}

async function bringUpToDate(url: string, login: string | undefined): Promise<void> {
  const sql = connect(url, { max: 1, name: "openclaw migrations" });
  try {
    const state = await migrationState(sql);
    if (state === "newer") throw newerTables();
    // Known to be current, most starts need not load the migrators.
    const current = state === "current";
    // Roles are not in a dump: a database that was restored lacks them.
    if (current && (await rolesGranted(sql, login))) return;
    await sql`select pg_advisory_lock(${migrationLock})`;
    if (current) return void (await grantRoles(sql, login));
    const [{ drizzle }, { migrate: applyDrizzle }, { runMigrations: migrateQueue }] = await Promise.all([
      import("drizzle-orm/postgres-js"),
      import("drizzle-orm/postgres-js/migrator"),
      import("graphile-worker"),
    ]);
    await applyDrizzle(drizzle(sql), { migrationsFolder });
    await migrateQueue({ connectionString: url });
    await grantRoles(sql, login);
  } finally {
    await sql.end();
  }
}

/** Why tables of state `newer` are not worked with, and what to do. */
export const newerTables = (): ClawError =>
  new ClawError(
    "environment",
    "a newer version of OpenClaw has migrated this database: run that version, or restore a backup from before with this one",
  );

/** How the tables stand to this code: `newer`, a later version has migrated them. */
export async function migrationState(sql: Sql): Promise<"current" | "none" | "older" | "newer"> {
  const [queue] = await sql<
    { there: boolean }[]
  >`select to_regclass('graphile_worker.migrations') is not null as there`;
  const there = await lastMigration(sql);
  if (!queue?.there || there === undefined) return "none";
  const known = migrations().at(-1)?.when ?? 0;
  return there === known ? "current" : there < known ? "older" : "newer";
}
