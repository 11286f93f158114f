import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as applyDrizzle } from "drizzle-orm/postgres-js/migrator";
import { runMigrations as migrateQueue } from "graphile-worker";
import { fileURLToPath } from "node:url";
import { connect } from "./client.ts";

/** Any number, the same for every gateway: one at a time migrates, the others wait. */
const migrationLock = 7_301_001;

/** Brings the ledgers and the queue's tables up to date; safe to call from several processes at once. */
export async function migrate(url: string): Promise<void> {
  const sql = connect(url, { max: 1, name: "openclaw migrations" });
  try {
    await sql`select pg_advisory_lock(${migrationLock})`;
    await applyDrizzle(drizzle(sql), {
      migrationsFolder: fileURLToPath(new URL("../../drizzle/migrations", import.meta.url)),
    });
    await migrateQueue({ connectionString: url });
  } finally {
    await sql.end();
  }
}
