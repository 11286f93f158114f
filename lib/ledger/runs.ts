/** Runs and their journals: begun, continued, closed and taken up again after a crash. */
import { randomBytes } from "node:crypto";
import type { RecordedEvent, RunEvent, RunJournal } from "../agent/events.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { type TaintSource, taintSources } from "../policy/taint.ts";
import { type Keyring, Sealer } from "../seal.ts";
import { fromJournalRow, type StoredJournalRow } from "./journal-read.ts";
import { noHash } from "./journal-row.ts";
import type { ClaimedMessage } from "./outbox.ts";
import { type Run, runColumns, type StoredRun, toRun } from "./run.ts";
import { Chain, type InboxRevision, type Parking, type RunEnding } from "./run-chain.ts";

/** A run's journal, open for its one owner. */
export interface OpenRun extends RunJournal {
  readonly run: Run;
  /** Leaves the run to whoever takes it up once its questions are decided. Nothing can be appended afterwards. */
  park(parking: Parking): Promise<void>;
  /** Ends the run. Nothing can be appended afterwards. Returns the message that `sender` has claimed by it. */
  close(events: readonly RunEvent[], ending: RunEnding): Promise<ClaimedMessage | undefined>;
}

/** The run's id as a person is shown it: enough to find it by, in `runs`. */
export const shortId = (id: string): string => id.slice(-8);

/** The associated data of a run's data key as the gateway's key seals it. */
export const runKeySeal = (runId: string): string => `run:${runId}`;

/** A new run; it and its key are written with its first entries, and the inbox rows it answers become its own. */
export function beginRun(sql: Sql, keyring: Keyring, run: Run, inbox: readonly InboxRevision[]): OpenRun {
  const key = randomBytes(32);
  const keys = { wrapped: keyring.runKeys.seal(key, runKeySeal(run.id)), audit: keyring.audit?.wrap(run.id, key) };
  const chain = new Chain(sql, keyring, run, new Sealer(key), 0, noHash);
  let begun = false;
  const begin = async (events: readonly RunEvent[]): Promise<number> => {
    begun = true;
    try {
      return await chain.begin(events, keys, inbox);
    } catch (thrown) {
      begun = false;
      throw thrown;
    }
  };
  return {
    run,
    append: (events) => (begun ? chain.append(events) : begin(events)),
    park: (parking) => chain.park(parking),
    close: async (events, ending) => {
      // One that fails before its first entry is begun all the same: its messages must end with it.
      if (!begun) await begin([]);
      return chain.close(events, ending);
    },
  };
}

/** Opens a run that was interrupted. Undefined when it has ended. Throws ClawError `environment` where its key is gone. */
export async function resumeRun(
  sql: Sql,
  keyring: Keyring,
  id: string,
): Promise<{ open: OpenRun; past: RecordedEvent[] } | undefined> {
  const [row] = await sql<(StoredRun & { wrapped: Uint8Array | null })[]>`
    select ${runColumns(sql)}, k.wrapped
    from runs r left join run_keys k on k.run_id = r.id where r.id = ${id} and r.state = 'running'`;
  if (!row) return undefined;
  if (!row.wrapped) throw new ClawError("environment", `run ${id}: its key was erased, so it cannot be resumed`);
  const seal = new Sealer(keyring.runKeys.open(row.wrapped, runKeySeal(id)));
  const rows = await sql<
    (StoredJournalRow & { hash: Uint8Array })[]
  >`select * from journal where run_id = ${id} order by seq`;
  const run = toRun(row);
  const chain = new Chain(sql, keyring, run, seal, rows.length, rows.at(-1)?.hash ?? noHash);
  return {
    open: {
      run,
      append: (events) => chain.append(events),
      park: (parking) => chain.park(parking),
      close: (events, ending) => chain.close(events, ending),
    },
    past: rows.map((stored) => fromJournalRow(id, stored, seal)),
  };
}

/**
 * How a run ended: its last words and what had tainted it. Undefined where it has not, or never was. Throws ClawError
 * `environment` where its key is gone.
 */
export async function endedRun(
  sql: Sql,
  keyring: Keyring,
  id: string,
): Promise<{ state: string; text: string; taint: readonly TaintSource[] } | undefined> {
  const [row] = await sql<
    (StoredJournalRow & { state: string; run_taint: string | null; wrapped: Uint8Array | null })[]
  >`
    select j.*, r.state, r.taint as run_taint, k.wrapped from runs r
    left join run_keys k on k.run_id = r.id join journal j on j.run_id = r.id and j.type = 'run.finished'
    where r.id = ${id} and r.state in ('done', 'failed', 'cancelled')`;
  if (!row) return undefined;
  if (!row.wrapped) throw new ClawError("environment", `run ${id}: its key was erased, so its end cannot be read`);
  const { event } = fromJournalRow(id, row, new Sealer(keyring.runKeys.open(row.wrapped, runKeySeal(id))));
  return {
    state: row.state,
    text: event.type === "run.finished" ? event.text : "",
    taint: taintSources(row.run_taint),
  };
}

/** All that the journal of a run holds, whatever became of it; undefined where there is none, or the gateway's wrap of its key is gone. */
export async function journalOf(sql: Sql, keyring: Keyring, id: string): Promise<RecordedEvent[] | undefined> {
  const [key] = await sql<{ wrapped: Uint8Array | null }[]>`select wrapped from run_keys where run_id = ${id}`;
  if (!key?.wrapped) return undefined;
  const seal = new Sealer(keyring.runKeys.open(key.wrapped, runKeySeal(id)));
  const rows = await sql<StoredJournalRow[]>`select * from journal where run_id = ${id} order by seq`;
  return rows.map((stored) => fromJournalRow(id, stored, seal));
}

/** The runs that followed a job's run, oldest first. */
export async function runsAfter(sql: Sql, id: string): Promise<{ id: string; state: string; startedAt: Date }[]> {
  return sql<{ id: string; state: string; startedAt: Date }[]>`
    select id, state, started_at as "startedAt" from runs where parent_run_id = ${id} and trigger = 'job'
    order by started_at`;
}

/** Ends the runs that a run asked for and that are still open: nobody will take them up again. Returns them. */
export async function endChildren(sql: Sql, id: string): Promise<string[]> {
  const over = await sql<{ id: string }[]>`
    with recursive below as (
      select id from runs where parent_run_id = ${id} union all
      select r.id from runs r join below b on r.parent_run_id = b.id
    )
    update runs set state = 'cancelled', error = 'cancelled', finished_at = now()
    where id in (select id from below) and state in ('running', 'waiting') returning id`;
  return over.map((run) => run.id);
}

/** Whether a person asked for the run to be stopped. */
export async function isCancelRequested(sql: Sql, id: string): Promise<boolean> {
  const [row] = await sql`select 1 from runs where id = ${id} and cancel_requested_at is not null`;
  return row !== undefined;
}

/** Ends a run whose journal cannot be continued, since its key or an entry cannot be opened. Its messages are over too. */
export async function abandonRun(sql: Sql, id: string): Promise<void> {
  await sql`
    with over as (update inbox set state = 'done', reason = 'its run cannot be resumed' where run_id = ${id} and state = 'running')
    update runs set state = 'failed', error = 'environment', finished_at = now() where id = ${id} and state = 'running'`;
}
