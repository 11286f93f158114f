/** Lists of runs: newest first, by any filters, in pages that neither repeat nor miss a run while others begin. */
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { callConditions, type Fragment, type RunFilter, runConditions } from "./filter.ts";
import { type RunRow, runRows } from "./run-row.ts";

export type { RunFilter } from "./filter.ts";
export type { RunRow } from "./run-row.ts";

/** A page of a list. `after`: the `next` of the page before. */
export interface RunPage {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The page's runs; `next` is undefined on the last one. Throws ClawError `bad_request` where `after` is no page's. */
export async function listRuns(
  sql: Sql,
  filter: RunFilter,
  { after, limit }: RunPage,
): Promise<{ runs: RunRow[]; next?: string }> {
  const from = after === undefined ? undefined : await placeOf(sql, after);
  const ids = await findRuns(sql, filter, { from, limit: limit + 1 });
  const shown = ids.slice(0, limit);
  const next = ids.length > limit ? shown.at(-1) : undefined;
  return { runs: await runRows(sql, shown), ...(next !== undefined && { next }) };
}

/** A run's place in the order of lists; PostgreSQL's own words for the time, which has microseconds. */
interface Place {
  readonly at: string;
  readonly id: string;
}

async function placeOf(sql: Sql, id: string): Promise<Place> {
  const [row] = /^[0-9a-f-]{36}$/.test(id)
    ? await sql<Place[]>`select started_at::text as at, id from runs where id::text = ${id}`
    : [];
  if (!row)
    throw new ClawError("bad_request", `after: there is no run "${id}"; take what the page before gave as next`);
  return row;
}

interface Search {
  readonly from: Place | undefined;
  readonly limit: number;
}

/** Candidates looked at one by one before the search goes the other way round. */
const mostProbed = 3_000;

async function findRuns(sql: Sql, filter: RunFilter, search: Search): Promise<string[]> {
  const calls = callConditions(sql, filter);
  if (calls === undefined) return idsOf(sql, walk(sql, filter, search));
  // A common call is found among the newest runs; a rare one from its own rows. Neither is slow where the other is right,
  // and which it is depends on the other filters too: so the first is tried, as far as it is quick.
  const probed = await idsOf(
    sql,
    sql`select r.id from (${walk(sql, filter, { ...search, limit: mostProbed })}) r
      cross join lateral (select from journal j where j.run_id = r.id and ${calls} limit 1) called
      order by r.started_at desc, r.id desc limit ${search.limit}`,
  );
  if (probed.length === search.limit) return probed;
  return idsOf(
    sql,
    sql`with called as materialized (select distinct j.run_id from journal j where ${calls})
      select r.id from called join runs r on r.id = called.run_id where ${runConditions(sql, filter)} and ${isAfter(sql, search)}
      order by r.started_at desc, r.id desc limit ${search.limit}`,
  );
}

const walk = (sql: Sql, filter: RunFilter, search: Search) => sql`
  select r.id, r.started_at from runs r where ${runConditions(sql, filter)} and ${isAfter(sql, search)}
  order by r.started_at desc, r.id desc limit ${search.limit}`;

const isAfter = (sql: Sql, { from }: Search) =>
  from ? sql`(r.started_at, r.id) < (${from.at}::timestamptz, ${from.id}::uuid)` : sql`true`;

async function idsOf(sql: Sql, query: Fragment): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`${query}`;
  return rows.map(({ id }) => id);
}
