/** `audit.gateway_retention_days`: after so long a run is the operator's alone to open. */
import type { Config } from "../config/config.ts";
import type { Sql, TransactionSql } from "../db/client.ts";
import { messageOf } from "../errors.ts";
import { runKeySeal } from "../ledger/runs.ts";
import type { Log } from "../log.ts";
import type { Keyring } from "../seal.ts";
import { dropBodies } from "./bodies.ts";
import { createRunlessSweep } from "./runless-bodies.ts";

/** Runs of one transaction, and transactions of one pass: bounds what a pass costs. */
const batchRuns = 200;
const mostBatches = 10;
const dayMs = 86_400_000;

export interface RetentionDeps {
  readonly config: () => Pick<Config, "audit">;
  readonly sql: Sql;
  readonly keyring: Keyring;
  readonly log: Pick<Log, "info" | "warn">;
}

/**
 * Returns one pass, for every minute: what is past its retention by `now` loses the gateway's wrap of its key, after the
 * operator's was made where it lacks, and its bodies elsewhere. Passes may run in several processes at once.
 */
export function createRetention({ config, sql, keyring, log }: RetentionDeps): (now: Date) => Promise<void> {
  const dropRunless = createRunlessSweep(sql);
  /** Runs whose key opens nothing any more: told once, and not looked at again. */
  const damaged = new Set<string>();
  return async (now) => {
    const days = config().audit.gateway_retention_days;
    if (days === undefined) return;
    const before = new Date(now.getTime() - days * dayMs);
    let [runs, batch] = [0, batchRuns];
    for (let batches = 0; batches < mostBatches && batch === batchRuns; batches++) {
      batch = await sql.begin((tx) => passOn(tx, { keyring, log, before, damaged }));
      runs += batch;
    }
    const bodies = await dropRunless(before);
    if (runs + bodies > 0)
      log.info({ runs, bodies, before }, "past audit.gateway_retention_days: only the operator can open them");
  };
}

interface Passing extends Pick<RetentionDeps, "keyring" | "log"> {
  readonly before: Date;
  readonly damaged: Set<string>;
}

interface DueRun {
  readonly id: string;
  readonly wrapped: Uint8Array;
  readonly sealed: boolean;
}

/** Takes one batch from the gateway's reach. Returns how many runs. */
async function passOn(tx: TransactionSql, passing: Passing): Promise<number> {
  const due = await dueRuns(tx, passing);
  if (due.length === 0) return 0;
  const passed: string[] = [];
  for (const run of due) if (run.sealed || (await sealForOperator(tx, passing, run))) passed.push(run.id);
  // Only where the operator can open it, whatever went wrong before: this is the one step that cannot be taken back.
  await tx`
    update run_keys set wrapped = null where run_id = any(${passed}::uuid[]) and audit_wrapped is not null`;
  await dropBodies(tx, passed);
  return passed.length;
}

/** Ended runs whose words nothing waits for any more: no caller, no delivery, nothing that follows one. */
const dueRuns = (tx: TransactionSql, { before, damaged }: Passing): Promise<DueRun[]> => tx<DueRun[]>`
  select k.run_id as id, k.wrapped, k.audit_wrapped is not null as sealed
  from run_keys k join runs r on r.id = k.run_id
  where k.wrapped is not null and k.created_at < ${before} and r.finished_at < ${before}
    and r.state in ('done', 'failed', 'cancelled') and r.id <> all(${[...damaged]}::uuid[])
    and not exists (select 1 from runs p where p.id = r.parent_run_id and p.state in ('running', 'waiting'))
    and not exists (select 1 from outbox o where o.run_id = r.id and o.state in ('pending', 'sending'))
    and not exists (select 1 from job_slots s where s.run_id = r.id and s.state in ('new', 'running', 'delivering'))
  order by k.created_at limit ${batchRuns} for update of k skip locked`;

/** For a run that began before `audit.recipient` was set. False: it stays as it is. */
async function sealForOperator(
  tx: TransactionSql,
  { keyring, log, damaged }: Passing,
  { id, wrapped }: DueRun,
): Promise<boolean> {
  let key: Uint8Array;
  try {
    key = keyring.runKeys.open(wrapped, runKeySeal(id));
  } catch (thrown) {
    damaged.add(id);
    log.warn({ run: id, reason: messageOf(thrown) }, "a run's key is damaged, so it cannot be sealed for the operator");
    return false;
  }
  const audit = keyring.audit?.wrap(id, key);
  if (!audit) return false;
  await tx`
    update run_keys set audit_wrapped = ${audit.wrapped}, audit_key_id = ${audit.keyId} where run_id = ${id}`;
  return true;
}
