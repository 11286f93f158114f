/** Calls to models as rows of the journal, for what sums them: no chain, no payload. */
import { randomUUID } from "node:crypto";
import type { Sql } from "../../lib/db/client.ts";

/** One call in a run of its own. */
export interface LlmCall {
  readonly at: Date;
  readonly agent: string;
  readonly principal: string;
  readonly trigger: "chat" | "agent" | "job" | "replay";
  readonly job: string | null;
  readonly type: "llm.answered" | "llm.consulted";
  readonly backend: string;
  readonly model: string;
  readonly input: number | null;
  readonly output: number | null;
  readonly cached: number | null;
  readonly reasoning: number | null;
  readonly cost: number | null;
}

/** Writes the calls, as the owner of the tables. */
export async function writeCalls(sql: Sql, calls: readonly LlmCall[]): Promise<void> {
  if (calls.length === 0) return;
  const rows = calls.map((call) => ({ ...call, at: call.at.toISOString(), run: randomUUID() }));
  const given = sql`jsonb_to_recordset(${sql.json(rows)}) as c (run uuid, at timestamptz, agent text, principal text,
    trigger text, job text, type text, backend text, model text, input bigint, output bigint, cached bigint,
    reasoning bigint, cost float8)`;
  await sql`
    insert into runs (id, conversation_id, lane, agent, principal, trigger, job, state, policy_hash, prompt_hash, started_at)
    select run, run, 'test', agent, principal, trigger, job, 'done', '', '', at from ${given}`;
  await sql`
    insert into journal (run_id, seq, type, at, provider_name, response_model, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, cost, prev_hash, hash)
    select run, 0, type, at, backend, model, input, output, cached, reasoning, cost, '', '' from ${given}`;
}
