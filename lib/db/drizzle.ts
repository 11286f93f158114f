import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { connect } from "./client.ts";

/** Drizzle over connections of its own: it changes how its client reads and writes dates and JSON. */
export interface DrizzlePool {
  readonly database: PostgresJsDatabase;
  end(): Promise<void>;
}

export function openDrizzle(url: string): DrizzlePool {
  const sql = connect(url, { max: 2, name: "openclaw drizzle" });
  return { database: drizzle(sql), end: () => sql.end({ timeout: 5 }) };
}
