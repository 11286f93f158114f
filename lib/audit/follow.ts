/** New rows of all journals as they are committed, each once. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "../db/client.ts";
import type { JournalColumns } from "../ledger/journal-row.ts";
import { factsOf, type FullJournalRow } from "./chain.ts";
import { callConditions, type RunFilter, runConditions } from "./filter.ts";

/** A row of some run's journal, without its payload. */
export interface FollowedRow {
  readonly runId: string;
  readonly seq: number;
  readonly at: Date;
  readonly agent: string;
  readonly principal: string;
  readonly job: string | null;
  readonly columns: JournalColumns;
}

/** Rows are looked for among those of so long: what is committed later than that after it was made is not seen. */
const windowMs = 15 * 60_000;
const pauseMs = 1_000;

type NewRow = FullJournalRow & { snapshot: string; of_agent: string; of_principal: string; of_job: string | null };

/**
 * Rows of the runs that the filter holds for as they are at that moment; with a tool or `denied`, those rows alone. Begins
 * with what is committed after it is called, or with the rows since `since`. Ends when `signal` aborts.
 */
export async function* followRows(
  sql: Sql,
  { since, ...filter }: RunFilter,
  { signal, pause = pauseMs }: { readonly signal: AbortSignal; readonly pause?: number },
): AsyncGenerator<FollowedRow> {
  let seen = since ? undefined : await currentSnapshot(sql);
  while (!signal.aborted) {
    const from = seen === undefined && since ? since : new Date(Date.now() - windowMs);
    for await (const rows of newRows(sql, filter, { seen, from }).cursor(500))
      for (const row of rows) {
        seen = row.snapshot;
        // Where there is nothing new, the snapshot comes alone.
        if (row.run_id !== null) yield followed(row);
        if (signal.aborted) return;
      }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

const currentSnapshot = async (sql: Sql): Promise<string | undefined> =>
  (await sql<{ snapshot: string }[]>`select pg_current_snapshot()::text as snapshot`)[0]?.snapshot;

/**
 * What this statement's snapshot sees and the one before did not. The order of commits is not that of `at` or of any number
 * a row has: by those, a row whose commit was late would be passed over. `xmin` is the transaction that wrote the row, its
 * lower 32 bits; a row is never updated.
 */
function newRows(sql: Sql, filter: RunFilter, { seen, from }: { seen: string | undefined; from: Date }) {
  const { ordered, others } = runConditions(sql, filter);
  const writer = sql`(n.top - ((n.top - j.xmin::text::bigint) & 4294967295))::text::xid8`;
  return sql<NewRow[]>`
    with n as materialized (
      select pg_current_snapshot()::text as snapshot, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as top
    )
    select n.snapshot, j.* from n left join lateral (
      select j.*, r.agent as of_agent, r.principal as of_principal, r.job as of_job
      from journal j join runs r on r.id = j.run_id
      where j.at >= ${from} and ${seen === undefined ? sql`true` : sql`not pg_visible_in_snapshot(${writer}, ${seen}::pg_snapshot)`}
        and ${ordered} and ${others} and ${callConditions(sql, filter) ?? sql`true`}
    ) j on true order by j.at, j.run_id, j.seq`;
}

function followed({ snapshot: _, of_agent: agent, of_principal: principal, of_job: job, ...row }: NewRow): FollowedRow {
  const { run_id: runId, seq, at: _at, ...columns } = factsOf(row);
  return { runId, seq, at: row.at, agent, principal, job, columns };
}
