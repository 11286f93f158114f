/**
 * Tells whether a database is in use, wherever its users are: each holds one lock with the others, and who rewrites all of what is
 * kept holds it alone. It ends with its connection.
 */
import { ClawError } from "../errors.ts";
import type { Sql } from "./client.ts";

/** Any number, the same for every gateway. */
const lock = 7_301_007;

/** Counts the connection among the database's users. Throws ClawError `environment` where somebody has it alone. */
export async function joinUsers(sql: Sql): Promise<void> {
  const [row] = await sql<{ held: boolean }[]>`select pg_try_advisory_lock_shared(${lock}) as held`;
  if (row?.held) return;
  throw new ClawError(
    "environment",
    "the database is being rewritten just now, as by `claw keys rotate`: wait until that is done, then start again",
  );
}

/** Keeps others from the database while the connection lasts. Throws ClawError `environment` where somebody uses it. */
export async function takeAlone(sql: Sql): Promise<void> {
  const [row] = await sql<{ held: boolean }[]>`select pg_try_advisory_lock(${lock}) as held`;
  if (row?.held) return;
  throw new ClawError("environment", "a gateway uses this database: stop every one of them, then try again");
}
