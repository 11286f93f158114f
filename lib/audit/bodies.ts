/**
 * What else than its journal the gateway could read a run by: the messages it answered, what it said, its questions, its turn
 * in the conversation's history. The rows stay where something is deduplicated or told by them; their bodies go.
 */
import type { TransactionSql } from "../db/client.ts";
import { emptyQuestions } from "../ledger/approvals.ts";
import { jobTurnId } from "../ledger/turns.ts";

/** Drops what is kept of ended runs besides their journals. What is still on its way stays. */
export async function dropBodies(tx: TransactionSql, runs: readonly string[]): Promise<void> {
  const ids = [...runs];
  await tx`update inbox set body = null where run_id = any(${ids}::uuid[]) and body is not null`;
  const said = await tx<{ run_id: string; lane: string }[]>`
    update outbox set body = ''::bytea, ciphertext = null where run_id = any(${ids}::uuid[])
      and state in ('sent', 'failed', 'unknown') returning run_id, lane`;
  await emptyQuestions(tx, ids);
  const turns = [...ids, ...said.map(({ run_id, lane }) => jobTurnId(run_id, lane))];
  await tx`delete from turns where run_id = any(${turns}::uuid[])`;
}

/** Drops what the tools of runs have sent, which belongs to none in the outbox; and what became of their questions. */
export async function dropSent(tx: TransactionSql, runs: readonly string[]): Promise<void> {
  const ids = [...runs];
  await tx`
    update outbox set body = ''::bytea, ciphertext = null
    where run_id is null and state in ('sent', 'failed', 'unknown')
      and (split_part(key, ':', 1) in ('message', 'file') and split_part(key, ':', 2) = any(${ids}::text[])
        or split_part(key, ':', 1) = 'approval'
        and split_part(key, ':', 2) in (select code from approvals where run_id = any(${ids}::uuid[])))`;
}
