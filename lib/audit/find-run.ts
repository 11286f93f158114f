import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";

/** An id's last characters name a run from here on. */
const fewest = 4;
/** As many are named where several could be meant. */
const most = 5;

/**
 * The whole id of a run, by that or by its last characters, at least 4. Throws ClawError `bad_request` where that is too
 * little or no id, `not_found` where there is none, and `bad_request` with the ids where several end so.
 */
export async function findRun(sql: Sql, text: string): Promise<string> {
  const wanted = text.trim().toLowerCase();
  if (!/^[0-9a-f-]{4,36}$/.test(wanted))
    throw new ClawError("bad_request", `a run is named by its id, or by the last ${fewest} or more characters of it`);
  const found = await sql<{ id: string }[]>`
    select id from runs where ${wanted.length === 36 ? sql`id = ${wanted}` : sql`right(id::text, ${wanted.length}) = ${wanted}`}
    order by started_at desc limit ${most + 1}`;
  const ids = found.map(({ id }) => id);
  const [id] = ids;
  if (id === undefined)
    throw new ClawError("not_found", `there is no run ${wanted}; \`claw audit list\` shows the latest`);
  if (ids.length === 1) return id;
  const more = ids.length > most ? ", and more" : "";
  throw new ClawError(
    "bad_request",
    `several runs' ids end in ${wanted}: ${ids.slice(0, most).join(", ")}${more}; give more of it`,
  );
}
