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
  const ids = await findRuns(sql, { filter, from, limit: limit + 1 });
  const shown = ids.slice(0, limit);
  const next = ids.length > limit ? shown.at(-1) : undefined;
  return { runs: await runRows(sql, shown), ...(next !== undefined && { next }) };
}

/** A run's place in the order of lists; PostgreSQL's own words for the time, which has microseconds. */
interface Place {
  readonly at: string;
  readonly id: string;
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

async function placeOf(sql: Sql, id: string): Promise<Place> {
  const [row] = isUuid(id) ? await sql<Place[]>`select started_at::text as at, id from runs where id = ${id}` : [];
  if (!row)
    throw new ClawError("bad_request", `after: there is no run "${id}"; take what the page before gave as next`);
  return row;
}

/** A page to be found. */
interface Search {
  readonly filter: RunFilter;
  readonly from: Place | undefined;
  readonly limit: number;
}

/** So many runs are looked at one by one, before all that the filter is about are brought together. */
const mostProbed = 2_000;

/**
 * What is common is found at once among the newest runs, and what is rare from all of its rows, by indexes that hold what is
 * asked for. Each is slow where the other is right, and which it is hangs on all filters together: so the first is tried as
 * far as it is quick.
 */
async function findRuns(sql: Sql, search: Search): Promise<string[]> {
  const probed = await idsOf(sql, amongNewest(sql, search));
  return probed.length === search.limit ? probed : idsOf(sql, amongAll(sql, search));
}

function amongNewest(sql: Sql, search: Search): Fragment {
  const { ordered, others } = runConditions(sql, search.filter);
  const calls = callConditions(sql, search.filter);
  const called = sql`cross join lateral (select from journal j where j.run_id = r.id and ${calls ?? sql`true`} limit 1) called`;
  return sql`
    select r.id from (
      select * from runs r where ${ordered} and ${isAfter(sql, search)} order by r.started_at desc, r.id desc limit ${mostProbed}
    ) r ${calls ? called : sql``} where ${others} order by r.started_at desc, r.id desc limit ${search.limit}`;
}

function amongAll(sql: Sql, search: Search): Fragment {
  const { ordered, others } = runConditions(sql, search.filter);
  const calls = callConditions(sql, search.filter);
  // Materialised: PostgreSQL would walk the runs in their order again, in the hope of a full page.
  return sql`
    with called as materialized (select distinct j.run_id from journal j where ${calls ?? sql`false`}),
    found as materialized (
      select r.id, r.started_at from runs r ${calls ? sql`join called on called.run_id = r.id` : sql``}
      where ${ordered} and ${others} and ${isAfter(sql, search)}
    )
    select f.id from found f order by f.started_at desc, f.id desc limit ${search.limit}`;
}

// As text: postgres.js makes a Date of what is cast to timestamptz, and with it milliseconds of microseconds.
const isAfter = (sql: Sql, { from }: Search): Fragment =>
  from ? sql`(r.started_at, r.id) < (${from.at}::text::timestamptz, ${from.id}::uuid)` : sql`true`;

async function idsOf(sql: Sql, query: Fragment): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`${query}`;
  return rows.map(({ id }) => id);
}
