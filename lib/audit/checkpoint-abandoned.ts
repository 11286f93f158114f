/** Ends the journals of runs that were ended by somebody else than their owner. */
import type { Sql } from "../db/client.ts";
import { chainHash, type JournalRow, noHash } from "../ledger/journal-row.ts";
import { journalInsert } from "../ledger/run-chain.ts";

/** An owner that was cut off from the database has noticed by now, or never will. */
const graceMinutes = 10;
const atOnce = 1_000;

/**
 * A run that was given up has no last entry, and its owner, should it still be at work, could append more. The missing
 * `run.finished` is written here: from then on an append of the owner's meets a row with its number, and fails. Where the
 * owner was first, nothing is written until the next time.
 */
export async function endAbandoned(sql: Sql, now: Date): Promise<void> {
  const before = new Date(now.getTime() - graceMinutes * 60_000);
  const open = await sql<Abandoned[]>`
    select r.id, r.state, r.error, j.seq, j.hash
    from runs r left join lateral (
      select seq, hash, type from journal where run_id = r.id order by seq desc limit 1
    ) j on true
    where r.checkpoint is null and r.finished_at < ${before} and j.type is distinct from 'run.finished'
    order by r.finished_at limit ${atOnce}`;
  if (open.length > 0)
    await sql`${journalInsert(
      sql,
      open.map((run) => lastRow(run, now)),
      sql`on conflict do nothing`,
    )}`;
}

interface Abandoned {
  readonly id: string;
  readonly state: string;
  readonly error: string | null;
  readonly seq: number | null;
  readonly hash: Uint8Array | null;
}

function lastRow({ id, state, error, seq, hash }: Abandoned, at: Date): JournalRow {
  const previous = hash ?? noHash;
  const facts = {
    type: "run.finished",
    operation_name: "invoke_agent",
    finish_reason: state,
    answer_length: 0,
    ...(error !== null && { error_type: error }),
    run_id: id,
    seq: seq === null ? 0 : seq + 1,
    at: at.toISOString(),
  } as const;
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  return { ...facts, payload: null, prev_hash: base64(previous), hash: base64(chainHash(previous, facts, undefined)) };
}
