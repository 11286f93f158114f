/** One run, whole: its rows with what was said where a key opens it, its chain, and what belongs to it. */
import type { Sql } from "../db/client.ts";
import type { ApprovalState } from "../ledger/approvals.ts";
import { type JournalColumns, journalSeal } from "../ledger/journal-row.ts";
import type { RunPart } from "../ledger/outbox.ts";
import type { Sealer } from "../seal.ts";
import { type ChainState, checkChain, factsOf, type FullJournalRow } from "./chain.ts";
import type { RunOpener } from "./open-run.ts";
import { type RunRow, runRows } from "./run-row.ts";

/** A row of the run's journal. `columns` has those that are not null, under their names in SQL. */
export interface TimelineRow {
  readonly seq: number;
  readonly at: Date;
  readonly columns: JournalColumns;
  /**
   * What was said, as lib/ledger/journal-row.ts seals it: for `tool.requested` `{ name, arguments }`, and so on. Undefined:
   * the type has none, or it was not opened.
   */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** It is there, and its bytes do not open with the run's own key. */
  readonly damaged?: true;
}

/** A question to approvers about one of the run's calls. */
export interface TimelineApproval {
  readonly code: string;
  /** Of the call's `tool.requested`. */
  readonly seq: number;
  readonly tool: string;
  readonly rule: string;
  readonly state: ApprovalState;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** A message that the run had to say, and what became of it. */
export interface TimelineDelivery {
  readonly key: string;
  readonly lane: string;
  readonly state: RunPart["state"];
  readonly attempts: number;
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
}

/** Why what was said is to be read, or not: `sealed`: this opener has no key to it; `erased`: nobody has. */
export type Access = "opened" | "sealed" | "erased";

export interface Timeline {
  readonly run: RunRow;
  readonly access: Access;
  readonly rows: readonly TimelineRow[];
  readonly chain: ChainState;
  /** The run that it belongs to. */
  readonly parent: RunRow | undefined;
  /** The runs that belong to it, oldest first. */
  readonly children: readonly RunRow[];
  readonly approvals: readonly TimelineApproval[];
  readonly deliveries: readonly TimelineDelivery[];
}

/** The run of a whole id; undefined where there is none. Without an opener its payloads stay sealed. */
export async function timelineOf(
  sql: Sql,
  opener: RunOpener | undefined,
  runId: string,
): Promise<Timeline | undefined> {
  const [run] = await runRows(sql, [runId]);
  if (!run) return undefined;
  const sealer = await opener?.sealerOf(runId);
  const [rows, below, approvals, deliveries] = await Promise.all([
    sql<FullJournalRow[]>`select * from journal where run_id = ${runId} order by seq`,
    sql<{ id: string }[]>`select id from runs where parent_run_id = ${runId} order by started_at, id`,
    sql<TimelineApproval[]>`
      select code, seq, tool, rule, case when state = 'pending' and expires_at <= now() then 'expired' else state end as state,
        decided_by as "decidedBy", decided_at as "decidedAt", expires_at as "expiresAt", created_at as "createdAt"
      from approvals where run_id = ${runId} order by seq`,
    sql<TimelineDelivery[]>`
      select key, lane, state, attempts, reason, created_at as "createdAt", sent_at as "sentAt"
      from outbox where run_id = ${runId} order by id`,
  ]);
  const [children, [parent]] = await Promise.all([
    runRows(
      sql,
      below.map(({ id }) => id),
    ),
    runRows(sql, run.parentRunId === null ? [] : [run.parentRunId]),
  ]);
  const access = accessTo(run, sealer);
  const opened = rows.map((row) => openRow(row, sealer));
  return { run, access, rows: opened, chain: checkChain(rows), parent, children, approvals, deliveries };
}

/** Why what was said in a run is to be read, or not. */
export const accessTo = (run: RunRow, sealer: Sealer | undefined): Access =>
  sealer ? "opened" : run.openedBy === "erased" ? "erased" : "sealed";

/** A row with its payload opened where that is possible. */
export function openRow(row: FullJournalRow, sealer: Sealer | undefined): TimelineRow {
  const { run_id: _run, seq: _seq, at: _at, ...columns } = factsOf(row);
  const plain = { seq: row.seq, at: row.at, columns };
  if (!row.payload || !sealer) return plain;
  try {
    return {
      ...plain,
      payload: sealer.openJson(row.payload, journalSeal(row.run_id, row.seq)) as Record<string, unknown>,
    };
  } catch {
    return { ...plain, damaged: true };
  }
}
