/** A run as its journal has it, read to be run again. */
import type { RecordedEvent, RunEvent } from "../../agent/events.ts";
import type { Sql } from "../../db/client.ts";
import { ClawError } from "../../errors.ts";
import { fromJournalRow, type StoredJournalRow } from "../../ledger/journal-read.ts";
import { type Run, runColumns, type StoredRun, toRun } from "../../ledger/run.ts";
import { shortId } from "../../ledger/runs.ts";
import type { TaintSource } from "../../policy/taint.ts";
import type { RunOpener } from "../open-run.ts";
import { type Course, courseOf, taintAtFirstStep } from "./course.ts";

/** What a recorded run was and did. */
export interface Recording {
  readonly run: Run;
  readonly startedAt: Date;
  /** How its journal opens: its input. */
  readonly started: Extract<RunEvent, { type: "run.started" }>;
  /** What had tainted it when its model was first asked. */
  readonly taint: readonly TaintSource[];
  readonly course: Course;
}

/**
 * Reads a run. Throws ClawError `not_found` where there is none, `environment` where its payloads were erased or are not for
 * this opener, `bad_request` where there is nothing to replay.
 */
export async function readRecording(sql: Sql, opener: RunOpener, id: string): Promise<Recording> {
  const { run, state, startedAt } = await runOf(sql, id);
  const refuse = (code: "environment" | "bad_request", why: string): ClawError =>
    new ClawError(code, `run ${shortId(id)} cannot be replayed: ${why}`);
  if (run.trigger === "replay") throw refuse("bad_request", "it is a replay itself; replay the run it replays");
  if (state === "running" || state === "waiting") throw refuse("bad_request", `it is still ${state}`);
  const sealer = await opener.sealerOf(id);
  if (!sealer) throw refuse("environment", "its payloads were erased, or its key is not for whoever opens it here");
  const rows = await sql<StoredJournalRow[]>`select * from journal where run_id = ${id} order by seq`;
  const events = rows.map((row): RecordedEvent => fromJournalRow(id, row, sealer));
  const started = events[0]?.event;
  if (started?.type !== "run.started") throw refuse("bad_request", "its journal does not begin with its input");
  if (started.messages.length === 0) throw refuse("bad_request", "no model was asked in it");
  return { run, startedAt, started, taint: taintAtFirstStep(events), course: courseOf(events) };
}

/** A run's row. Throws ClawError `not_found`. */
export async function runOf(sql: Sql, id: string): Promise<{ run: Run; state: string; startedAt: Date }> {
  const [row] = await sql<(StoredRun & { state: string; started_at: Date })[]>`
    select ${runColumns(sql)}, r.state, r.started_at from runs r where r.id = ${id}`;
  if (!row) throw new ClawError("not_found", `there is no run ${id}`);
  return { run: toRun(row), state: row.state, startedAt: row.started_at };
}
