import type { Destination, Principal } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";

/** Whose runs are counted: a person's, or those in a room with whatever agents. */
export type RunsOf = { readonly principal: Principal } | { readonly room: Destination };

/** Seconds until one more run may begin, where `limit` began in the last minute; undefined where it may now. */
export async function secondsToWait(sql: Sql, whose: RunsOf, limit: number): Promise<number | undefined> {
  const theirs =
    "principal" in whose
      ? sql`principal = ${whose.principal}`
      : whose.room.channel === "matrix"
        ? sql`starts_with(lane, 'matrix:') and split_part(lane, '|', 2) = ${whose.room.room}`
        : sql`starts_with(lane, 'telegram:') and split_part(lane, ':', 3) = ${String(whose.room.chat)}`;
  const [row] = await sql<{ seconds: number }[]>`
    select ceil(extract(epoch from started_at + interval '1 minute' - now()))::int as seconds from runs
    where started_at > now() - interval '1 minute' and trigger = 'chat' and ${theirs}
    order by started_at desc offset ${limit - 1} limit 1`;
  return row && Math.max(1, row.seconds);
}

/** How many runs of the person are under way, in all gateways; those that wait for an approval are not. */
export async function runningOf(sql: Sql, principal: Principal): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from runs where state = 'running' and trigger = 'chat' and principal = ${principal}`;
  return row?.count ?? 0;
}
