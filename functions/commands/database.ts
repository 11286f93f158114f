import type { Config } from "../../lib/config/config.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import { runningDatabase } from "../../lib/db/database.ts";

/** Does a command's work in the gateway's database, by one connection, closed again whatever comes of it. */
export async function withDatabase<Of>(config: Config, work: (sql: Sql) => Promise<Of>): Promise<Of> {
  const sql = connect(await runningDatabase(config), { max: 1, name: "openclaw claw" });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
