/** What a job would say now. Its sources are read and its model is asked; nothing is sent, kept or changed but its journal. */
import { randomUUID } from "node:crypto";
import type { Reading } from "../agent/job-function.ts";
import type { Job } from "../config/config.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { ClawError } from "../errors.ts";
import { beginRun, endedRun } from "../ledger/runs.ts";
import { executeJob, newInput, previousOf } from "./run-job.ts";
import { runOf, setupOf, workOf } from "./work.ts";

export interface DryRun {
  readonly run: string;
  /** Markdown; empty: it would say nothing. */
  readonly text: string;
  /** Where that would go, as the config has it. */
  readonly places: readonly string[];
  readonly readings: readonly Reading[];
}

/** The attempt by which dry runs are told from others. */
const noAttempt = 0;

/** Throws ClawError `backend_failed` with the reason where the run failed. */
export async function dryRun(deps: ConversationDeps, job: Job, slot: Date): Promise<DryRun> {
  const work = await workOf(deps, deps.config(), job, { dry: true });
  const run = runOf(work, randomUUID(), { slot, attempt: noAttempt });
  const open = beginRun(deps.sql, deps.keyring, run, []);
  const previous = await previousOf(deps, work, { job: job.name, slot });
  const occurrence = { slot, previous, attempt: noAttempt, dry: true } as const;
  // Whoever asked may have hung up; its own limit ends it.
  const { signal } = new AbortController();
  const performed = await executeJob(
    { deps, work, setup: setupOf(work, open, newInput()), occurrence, signal },
    () => [],
  );
  if (performed)
    return {
      run: run.id,
      text: performed.text,
      places: work.places.map(({ name }) => name),
      readings: performed.readings,
    };
  const ended = await endedRun(deps.sql, deps.keyring, run.id);
  throw new ClawError("backend_failed", ended?.text ?? `run ${run.id} has failed`);
}
