/**
 * Questions about tool calls, each decided once. Whatever ends a question queues its task `approval-decided` in the same
 * statement: that lets the run go on once nothing of it is pending, and tells what became of it, also after a crash.
 */
import type { Lane, Principal } from "../channel/types.ts";
import type { Sql, TransactionSql } from "../db/client.ts";
import type { Sealer } from "../seal.ts";
import type { Run } from "./run.ts";

/** A question to be written. */
export interface NewApproval {
  /** What people type to decide it. */
  readonly code: string;
  /** Of the call's `tool.requested` in the run's journal. */
  readonly seq: number;
  /** See lib/policy/granted.ts. */
  readonly callHash: string;
  readonly tool: string;
  /** Why it is asked. */
  readonly rule: string;
  /** What is shown: the exact arguments, and what they come to. */
  readonly shown: ShownCall;
  readonly expiresAt: Date;
}

/** The sealed part of a question. */
export interface ShownCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What it comes to, by the tool's own word. */
  readonly foreseen?: string;
}

/** The associated data of a sealed question. */
export const approvalSeal = (code: string): string => `approval:${code}`;

/** A question as it travels to PostgreSQL in a JSON parameter. */
export const approvalRow = (bodies: Sealer, run: Run, { shown, expiresAt, ...question }: NewApproval): object => ({
  ...question,
  run_id: run.id,
  call_hash: question.callHash,
  agent: run.agent,
  principal: run.principal,
  lane: run.lane,
  body: Buffer.from(bodies.sealJson(shown, approvalSeal(question.code))).toString("base64"),
  expires_at: expiresAt.toISOString(),
});

/** Part of the statement that parks a run; what was asked before is left as it is. */
export const approvalInsert = (sql: Sql, rows: readonly object[]) => sql`
  insert into approvals (code, run_id, seq, call_hash, agent, tool, principal, lane, rule, body, expires_at)
  select code, run_id, seq, call_hash, agent, tool, principal, lane, rule, decode(body, 'base64'), expires_at
  from jsonb_to_recordset(${sql.json(rows as never)}) as row (code text, run_id uuid, seq int, call_hash text, agent text,
    tool text, principal text, lane text, rule text, body text, expires_at timestamptz)
  on conflict (run_id, seq) do nothing returning code, expires_at`;

export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "cancelled";

/** A question and what became of it. */
export interface StoredApproval {
  readonly code: string;
  readonly runId: string;
  readonly seq: number;
  readonly callHash: string;
  readonly agent: string;
  readonly tool: string;
  readonly principal: Principal;
  readonly lane: Lane;
  readonly rule: string;
  /** Undefined where it cannot be opened any more: erased, past its retention, or damaged. What may run is bound by `callHash`. */
  readonly shown: ShownCall | undefined;
  readonly state: ApprovalState;
  readonly decidedBy: string | undefined;
  readonly decidedAt: Date | undefined;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

interface ApprovalRow extends Omit<StoredApproval, "shown" | "decidedBy" | "decidedAt"> {
  readonly body: Uint8Array;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
}

const columns = (
  sql: Sql,
) => sql`code, run_id as "runId", seq, call_hash as "callHash", agent, tool, principal, lane, rule, body,
  case when state = 'pending' and expires_at <= now() then 'expired' else state end as state,
  decided_by as "decidedBy", decided_at as "decidedAt", expires_at as "expiresAt", created_at as "createdAt"`;

const opened = (bodies: Sealer, { body, decidedBy, decidedAt, ...row }: ApprovalRow): StoredApproval => ({
  ...row,
  shown: openedCall(bodies, body, row.code),
  decidedBy: decidedBy ?? undefined,
  decidedAt: decidedAt ?? undefined,
});

function openedCall(bodies: Sealer, body: Uint8Array, code: string): ShownCall | undefined {
  try {
    return bodies.openJson(body, approvalSeal(code)) as ShownCall;
  } catch {
    return undefined;
  }
}

/** The question about the call at (run, seq), if it was asked. */
export async function approvalOf(
  sql: Sql,
  { runId, seq }: { readonly runId: string; readonly seq: number },
): Promise<Pick<StoredApproval, "state" | "decidedBy" | "callHash"> | undefined> {
  const [row] = await sql<{ state: ApprovalState; decidedBy: string | null; callHash: string }[]>`
    select state, decided_by as "decidedBy", call_hash as "callHash" from approvals where run_id = ${runId} and seq = ${seq}`;
  return row && { ...row, decidedBy: row.decidedBy ?? undefined };
}

/** The question of a code, in any state; people type codes, and PostgreSQL takes no NUL. */
export async function findApproval(sql: Sql, bodies: Sealer, code: string): Promise<StoredApproval | undefined> {
  if (code.includes("\0")) return undefined;
  const [row] = await sql<ApprovalRow[]>`select ${columns(sql)} from approvals where code = ${code}`;
  return row && opened(bodies, row);
}

/** Questions, newest first: those still to be decided, or the latest of all. */
export async function listApprovals(
  sql: Sql,
  bodies: Sealer,
  { pending, limit }: { readonly pending: boolean; readonly limit: number },
): Promise<StoredApproval[]> {
  const only = pending ? sql`where state = 'pending' and expires_at > now()` : sql``;
  const rows = await sql<ApprovalRow[]>`
    select ${columns(sql)} from approvals ${only} order by created_at desc limit ${limit}`;
  return rows.map((row) => opened(bodies, row));
}

/** Part of a statement that ends questions: queues the task of each, by the codes that `ended` returns. */
const queueDecided = (sql: Sql, ended: ReturnType<Sql>) => sql`
  select count(*)::int as count from ${ended}, graphile_worker.add_job('approval-decided', json_build_object('code', code),
    job_key := 'approval-decided:' || code)`;

/**
 * Decides a question that is pending and not expired. False: it was decided before, or is too late. Whether `by` may decide
 * is for the caller to know, at this very moment: a person's full principal, or `operator` on the command line.
 */
export async function decideApproval(
  sql: Sql,
  code: string,
  state: "approved" | "denied",
  by: Principal | "operator",
): Promise<boolean> {
  const [decided] = await sql<{ count: number }[]>`
    with ended as (
      update approvals set state = ${state}, decided_by = ${by}, decided_at = now()
      where code = ${code} and state = 'pending' and expires_at > now() returning code
    ) ${queueDecided(sql, sql`ended`)}`;
  return decided?.count === 1;
}

/** Ends a question that nobody decided in time. */
export async function expireApproval(sql: Sql, code: string): Promise<void> {
  await sql`
    with ended as (
      update approvals set state = 'expired', decided_at = now()
      where code = ${code} and state = 'pending' and expires_at <= now() returning code
    ) ${queueDecided(sql, sql`ended`)}`;
}

/** Calls off what is still asked in a lane, or by some runs. Returns how many questions. */
export async function cancelApprovals(
  sql: Sql,
  whose: { readonly lane: Lane } | { readonly runs: readonly string[] },
): Promise<number> {
  const theirs = "lane" in whose ? sql`lane = ${whose.lane}` : sql`run_id = any(${whose.runs as string[]}::uuid[])`;
  const [cancelled] = await sql<{ count: number }[]>`
    with ended as (
      update approvals set state = 'cancelled', decided_at = now() where ${theirs} and state = 'pending' returning code
    ) ${queueDecided(sql, sql`ended`)}`;
  return cancelled?.count ?? 0;
}

/** Calls off whatever is still asked, where nothing waits for an answer any more. Returns how many questions. */
export async function abandonQuestions(tx: TransactionSql): Promise<number> {
  const { count } = await tx`update approvals set state = 'cancelled', decided_at = now() where state = 'pending'`;
  return count;
}

/** Drops what was asked in the questions of ended runs; that they were, and what was decided, stays. */
export async function emptyQuestions(sql: Sql | TransactionSql, runs: string[]): Promise<void> {
  await sql`update approvals set body = ''::bytea where run_id = any(${runs}::uuid[]) and state <> 'pending'`;
}

/** What a lane's runs wait for, oldest first. */
export async function pendingIn(sql: Sql, lane: Lane): Promise<Pick<StoredApproval, "code" | "tool" | "expiresAt">[]> {
  return sql<Pick<StoredApproval, "code" | "tool" | "expiresAt">[]>`
    select code, tool, expires_at as "expiresAt" from approvals
    where lane = ${lane} and state = 'pending' and expires_at > now() order by created_at`;
}

/**
 * Lets a run that waits go on, if nothing of it is pending any more, and the runs that wait for it. Returns the lane to be
 * woken. Asked after each decision and after each parking: whichever of the two is later finds the other done.
 */
export async function goOn(sql: Sql, runId: string): Promise<Lane | undefined> {
  const [row] = await sql<{ parent: string | null; lane: Lane; free: boolean }[]>`
    with free as (
      update runs r set state = 'running' where r.id = ${runId} and r.state = 'waiting'
        and not exists (select 1 from approvals a where a.run_id = r.id and a.state = 'pending')
        and not exists (select 1 from runs c where c.parent_run_id = r.id and c.state = 'waiting')
      returning r.id
    ), woken as (
      update inbox set state = 'running' where run_id in (select id from free) and state = 'waiting'
    )
    select parent_run_id as parent, lane, exists (select 1 from free) as free from runs where id = ${runId}`;
  if (!row) return undefined;
  // Also where the run itself was let go before: the one that waits for it may have been parked later.
  const above = row.parent === null ? undefined : await goOn(sql, row.parent);
  return above ?? (row.free ? row.lane : undefined);
}

/** Questions that are decided while what waited for them was left waiting: their task is lost, or the run was parked later. */
export const strandedApprovals = (sql: Sql) => sql`
  with recursive above (code, run_id) as (
    select code, run_id from approvals
    where state <> 'pending' and decided_at between now() - interval '7 days' and now() - interval '3 seconds'
    union select a.code, r.parent_run_id from above a join runs r on r.id = a.run_id where r.parent_run_id is not null
  )
  select distinct a.code from above a join runs r on r.id = a.run_id and r.state = 'waiting'
  where not exists (select 1 from approvals p where p.run_id = r.id and p.state = 'pending')
    and not exists (select 1 from runs c where c.parent_run_id = r.id and c.state = 'waiting')`;
