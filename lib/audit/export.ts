/** Runs with all of their rows for whoever keeps or checks them elsewhere: one JSON line a run, newest first. */
import { createHash } from "node:crypto";
import type { Sql } from "../db/client.ts";
import { factsOf, type FullJournalRow } from "./chain.ts";
import type { RunFilter } from "./filter.ts";
import type { RunOpener } from "./open-run.ts";
import { listRuns, type RunRow } from "./runs.ts";
import { type Access, accessTo, openRow } from "./timeline.ts";

/** A row as it is exported: the columns that are not null, under their names in SQL, and what its hash is made of. */
export type ExportedRow = ReturnType<typeof factsOf> & {
  /** The sealed bytes in base64; left out where the row has none, or `opened` has what was in them. */
  readonly payload?: string;
  readonly opened?: unknown;
  /** In hex; of the sealed bytes, of none where there are none. */
  readonly payload_sha256: string;
  readonly prev_hash: string;
  readonly hash: string;
};

/** One line of an export; the last one says how much it was, so that a cut one is known. */
export type ExportLine =
  | { readonly run: RunRow; readonly access: Access; readonly rows: readonly ExportedRow[] }
  | { readonly end: { readonly runs: number; readonly rows: number; readonly opened: number } };

/** So many runs are read at once. */
const pageRuns = 100;

/** All runs of the filter. Without an opener the payloads stay sealed. */
export async function* exportRuns(sql: Sql, filter: RunFilter, opener?: RunOpener): AsyncGenerator<ExportLine> {
  const counts = { runs: 0, rows: 0, opened: 0 };
  let after: string | undefined;
  do {
    const page = await listRuns(sql, filter, { limit: pageRuns, after });
    const ids = page.runs.map(({ id }) => id);
    const found = await sql<
      FullJournalRow[]
    >`select * from journal where run_id = any(${ids}::uuid[]) order by run_id, seq`;
    const rowsOf = Map.groupBy(found, (row) => row.run_id);
    for (const run of page.runs) {
      const sealer = await opener?.sealerOf(run.id);
      const rows = (rowsOf.get(run.id) ?? []).map((row) => exported(row, openRow(row, sealer).payload));
      counts.runs += 1;
      counts.rows += rows.length;
      if (sealer) counts.opened += 1;
      yield { run, access: accessTo(run, sealer), rows };
    }
    after = page.next;
  } while (after !== undefined);
  yield { end: counts };
}

function exported(row: FullJournalRow, opened: unknown): ExportedRow {
  const { payload } = row;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  return {
    ...factsOf(row),
    ...(opened !== undefined && { opened }),
    ...(payload && opened === undefined && { payload: Buffer.from(payload).toString("base64") }),
    payload_sha256: createHash("sha256")
      .update(payload ?? "")
      .digest("hex"),
    prev_hash: hex(row.prev_hash),
    hash: hex(row.hash),
  };
}
