/** `claw audit erase`: what was said in a run cannot be opened by anybody any more; that it was, and its chain, stay. */
import type { Sql, TransactionSql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { shortId } from "../ledger/runs.ts";
import { findRun } from "./find-run.ts";
import { dropBodies, dropSent } from "./bodies.ts";

/** A run that would be erased. */
export interface ErasableRun {
  readonly id: string;
  readonly agent: string;
  readonly principal: string;
  readonly trigger: string;
  readonly startedAt: Date;
  readonly parentRunId: string | null;
  /** Null: never. */
  readonly erasedAt: Date | null;
}

/** What erasing a run comes to. */
export interface Erasure {
  readonly run: ErasableRun;
  /** What it asked for by agent_ask, what followed its delivery, its replays: they hold what it was given. */
  readonly below: readonly ErasableRun[];
  /** Later runs of the conversations it spoke in, which may have been shown its turn, and so hold it in what they began with. */
  readonly later: readonly ErasableRun[];
}

/**
 * Looks at what erasing a run would come to. `id`: its whole id, or the end of it as people are shown it. Throws ClawError `not_found`, or `bad_request` where it is not one run's.
 */
export async function planErasure(sql: Sql, id: string): Promise<Erasure> {
  const run = await runOf(sql, id);
  const below = await sql<ErasableRun[]>`
    with recursive below as (
      select id from runs where parent_run_id = ${run.id} union
      select r.id from runs r join below b on r.parent_run_id = b.id
    )
    select ${columns(sql)} where r.id in (select id from below) order by r.started_at, r.id`;
  const known = [run, ...below].map((each) => each.id);
  const later = await sql<ErasableRun[]>`
    select ${columns(sql)} join runs it on it.id = ${run.id}
    where r.conversation_id in (
        select it.conversation_id where it.trigger <> 'job' union
        select c.id from conversations c join outbox o on o.lane = c.lane
        where c.agent = it.agent and o.run_id = it.id and starts_with(o.key, it.id || ':')
      )
      and r.trigger <> 'job' and r.started_at >= it.finished_at and r.id <> all(${known}::uuid[]) and k.erased_at is null
    order by r.started_at, r.id`;
  return { run, below, later };
}

const columns = (sql: Sql) => sql`r.id, r.agent, r.principal, r.trigger, r.started_at as "startedAt",
  r.parent_run_id as "parentRunId", k.erased_at as "erasedAt" from runs r left join run_keys k on k.run_id = r.id`;

async function runOf(sql: Sql, text: string): Promise<ErasableRun> {
  const id = await findRun(sql, text);
  const [run] = await sql<ErasableRun[]>`select ${columns(sql)} where r.id = ${id}`;
  if (!run) throw new ClawError("not_found", `run ${shortId(id)} is gone`);
  return run;
}

/**
 * Drops both wraps of the runs' keys, their bodies elsewhere and what their tools have sent, in one transaction. Throws
 * ClawError `bad_request` where one is at work, or something of it is on its way.
 */
export async function eraseRuns(sql: Sql, runs: readonly string[]): Promise<void> {
  const ids = [...runs];
  await sql.begin(async (tx) => {
    await refuseOpen(tx, ids);
    await tx`
      update run_keys set wrapped = null, audit_wrapped = null, audit_key_id = null, erased_at = coalesce(erased_at, now())
      where run_id = any(${ids}::uuid[])`;
    await dropBodies(tx, ids);
    await dropSent(tx, ids);
  });
}

async function refuseOpen(tx: TransactionSql, runs: string[]): Promise<void> {
  const [working] = await tx<{ id: string }[]>`
    select id from runs where id = any(${runs}::uuid[]) and state in ('running', 'waiting') limit 1`;
  if (working)
    throw new ClawError(
      "bad_request",
      `run ${shortId(working.id)} is still at work: stop it (/stop in its chat) or wait until it has ended; nothing was erased`,
    );
  const [sending] = await tx<{ run: string }[]>`
    select run_id as run from outbox where run_id = any(${runs}::uuid[]) and state in ('pending', 'sending')
    union all select run_id from job_slots where run_id = any(${runs}::uuid[]) and state = 'delivering' limit 1`;
  if (sending)
    throw new ClawError(
      "bad_request",
      `what run ${shortId(sending.run)} has to say is still on its way: wait until it is delivered; nothing was erased`,
    );
}
