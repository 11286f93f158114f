import type { Principal } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";

/** What is known of a run from its beginning. */
export interface Run {
  readonly id: string;
  readonly conversationId: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: "chat" | "agent" | "job" | "replay";
  /** The occurrence of a job that it is an attempt at. */
  readonly job?: { readonly name: string; readonly slot: Date; readonly attempt: number } | undefined;
  /** The run that called this one, or that this one replays. */
  readonly parentRunId?: string | undefined;
  readonly policyHash: string;
  readonly promptHash: string;
}

/** What `runColumns` selects of a run. */
export interface StoredRun {
  readonly id: string;
  readonly conversation_id: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: Run["trigger"];
  readonly job: string | null;
  readonly slot: Date | null;
  readonly attempt: number | null;
  readonly parent_run_id: string | null;
  readonly policy_hash: string;
  readonly prompt_hash: string;
}

/** The columns that make a Run, of `runs r`. */
export const runColumns = (sql: Sql) => sql`
  r.id, r.conversation_id, r.lane, r.agent, r.principal, r.trigger, r.job, r.slot, r.attempt, r.parent_run_id, r.policy_hash,
  r.prompt_hash`;

/** A run as it was begun, of its row. */
export const toRun = ({ job, slot, attempt, ...row }: StoredRun): Run => ({
  id: row.id,
  conversationId: row.conversation_id,
  lane: row.lane,
  agent: row.agent,
  principal: row.principal,
  trigger: row.trigger,
  job: job !== null && slot !== null && attempt !== null ? { name: job, slot, attempt } : undefined,
  parentRunId: row.parent_run_id ?? undefined,
  policyHash: row.policy_hash,
  promptHash: row.prompt_hash,
});
