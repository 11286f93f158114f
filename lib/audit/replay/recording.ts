/** A run as its journal has it, read to be run again. */
import type { RecordedEvent, RunEvent } from "../../agent/events.ts";
import type { Principal } from "../../channel/types.ts";
import type { Sql } from "../../db/client.ts";
import { ClawError } from "../../errors.ts";
import { fromJournalRow, type StoredJournalRow } from "../../ledger/journal-row.ts";
import type { Run } from "../../ledger/run.ts";
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

interface StoredRun {
  readonly conversation_id: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: Run["trigger"];
  readonly job: string | null;
  readonly slot: Date | null;
  readonly attempt: number | null;
  readonly parent_run_id: string | null;
  readonly state: string;
  readonly policy_hash: string;
  readonly prompt_hash: string;
  readonly started_at: Date;
}

/** A run's row. Throws ClawError `not_found`. */
export async function runOf(sql: Sql, id: string): Promise<{ run: Run; state: string; startedAt: Date }> {
  const [row] = await sql<StoredRun[]>`
    select conversation_id, lane, agent, principal, trigger, job, slot, attempt, parent_run_id, state, policy_hash, prompt_hash,
      started_at from runs where id = ${id}`;
  if (!row) throw new ClawError("not_found", `there is no run ${id}`);
  const { job, slot, attempt } = row;
  const run: Run = {
    id,
    ...{ conversationId: row.conversation_id, lane: row.lane, agent: row.agent, principal: row.principal },
    trigger: row.trigger,
    job: job !== null && slot !== null && attempt !== null ? { name: job, slot, attempt } : undefined,
    parentRunId: row.parent_run_id ?? undefined,
    policyHash: row.policy_hash,
    promptHash: row.prompt_hash,
  };
  return { run, state: row.state, startedAt: row.started_at };
}
