/** A run's chain of journal rows, and the statements that make it longer. Each is one transaction. */
import type { RunEvent } from "../agent/events.ts";
import type { ModelMessage } from "../agent/model.ts";
import type { RunUsage } from "../agent/transcript.ts";
import type { Sql } from "../db/client.ts";
import { refusedState } from "../db/refused.ts";
import { ClawError } from "../errors.ts";
import { type TaintSource, taintColumn } from "../policy/taint.ts";
import type { Keyring, Sealer } from "../seal.ts";
import { approvalInsert, approvalRow, type NewApproval } from "./approvals.ts";
import { type JournalRow, toJournalRow } from "./journal-row.ts";
import { type ClaimedMessage, type OutboxEntry, outboxRow } from "./outbox.ts";
import type { Run } from "./run.ts";
import { turnSeal } from "./turns.ts";

/** An inbox row as it was read. */
export interface InboxRevision {
  readonly id: number;
  /** Its xmin: another after every change. */
  readonly revision: string;
}

/** A run's data key as it is kept: sealed with the gateway's key, and with an audit key where there is one. */
export interface WrappedKeys {
  readonly wrapped: Uint8Array;
  readonly audit: { readonly keyId: string; readonly wrapped: Uint8Array } | undefined;
}

/** How a run ended, written in one transaction with its last journal entries. */
export interface RunEnding {
  readonly state: "done" | "failed" | "cancelled";
  readonly error?: string;
  readonly steps: number;
  readonly usage: RunUsage;
  readonly cost: number | undefined;
  /** What has tainted the run, and so its turn. */
  readonly taint: readonly TaintSource[];
  /** What later runs of the conversation are shown. */
  readonly turn: { readonly messages: readonly ModelMessage[]; readonly tokens: number } | undefined;
  readonly outbox: readonly OutboxEntry[];
  /**
   * The worker that will send the first of these at once, if nothing is before it in the lane; it is then written as
   * `sending` already. Only where the channel drops a repeat: else a crash before the send would leave it `unknown`.
   */
  readonly sender: string | undefined;
}

/** A run that waits: its questions and what is said of them, written in one transaction. */
export interface Parking {
  readonly taint: readonly TaintSource[];
  readonly questions: readonly NewApproval[];
  readonly outbox: readonly OutboxEntry[];
}

/** `insert into journal` from one JSON parameter. */
export const journalInsert = (sql: Sql, rows: readonly JournalRow[], only = sql``) => sql`
  insert into journal (run_id, seq, type, at, operation_name, conversation_id, agent_name, principal, trigger, job, policy_hash, prompt_hash,
    provider_name, request_model, response_model, response_id, finish_reason, provider_request_id, tool_name, tool_call_id, decision,
    rule, taint, approver, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost, cost_source, refusal, answer_length,
    error_type, duration_ms, payload, prev_hash, hash)
  select run_id, seq, type, at, operation_name, conversation_id, agent_name, principal, trigger, job, policy_hash, prompt_hash,
    provider_name, request_model, response_model, response_id, finish_reason, provider_request_id, tool_name, tool_call_id, decision,
    rule, taint, approver, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost, cost_source, refusal, answer_length,
    error_type, duration_ms, decode(payload, 'base64'), decode(prev_hash, 'base64'), decode(hash, 'base64')
  from jsonb_to_recordset(${sql.json(rows as never)}) as row (run_id uuid, seq int, type text, at timestamptz, operation_name text,
    conversation_id text, agent_name text, principal text, trigger text, job text, policy_hash text, prompt_hash text,
    provider_name text, request_model text, response_model text, response_id text, finish_reason text, provider_request_id text,
    tool_name text, tool_call_id text, decision text, rule text, taint text, approver text, input_tokens bigint, output_tokens bigint,
    cached_tokens bigint, reasoning_tokens bigint, cost float8, cost_source text, refusal boolean, answer_length int, error_type text,
    duration_ms int, payload text, prev_hash text, hash text)
  ${only}`;

/** The end of a run's chain, held by its one owner. */
export class Chain {
  readonly #sql: Sql;
  readonly #keyring: Keyring;
  readonly #run: Run;
  readonly #seal: Sealer;
  #seq: number;
  #hash: Uint8Array;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(sql: Sql, keyring: Keyring, run: Run, seal: Sealer, seq: number, hash: Uint8Array) {
    this.#sql = sql;
    this.#keyring = keyring;
    this.#run = run;
    this.#seal = seal;
    this.#seq = seq;
    this.#hash = hash;
  }

  async begin(events: readonly RunEvent[], keys: WrappedKeys, inbox: readonly InboxRevision[]): Promise<number> {
    const sql = this.#sql;
    const run = this.#run;
    const { first, rows, before } = this.#extend(events);
    const ids = inbox.map(({ id }) => id);
    const revisions = inbox.map(({ revision }) => revision);
    // All or nothing: what was edited, redacted or dropped since it was read must not be answered as it was.
    const agreed = sql`where (select count(*) from taken) = ${ids.length}`;
    const begun = await this.#write(
      before,
      sql`
      with fresh as (
        select id from inbox
        where (id, xmin::text) in (select * from unnest(${ids}::bigint[], ${revisions}::text[])) and state = 'new' for update
      ), taken as (
        update inbox set state = 'running', run_id = ${run.id}
        where id in (select id from fresh) and (select count(*) from fresh) = ${ids.length} returning id
      ), entries as (${journalInsert(sql, rows, agreed)}
      ), keyed as (
        insert into run_keys (run_id, wrapped, audit_wrapped, audit_key_id)
        select ${run.id}::uuid, ${keys.wrapped}::bytea, ${keys.audit?.wrapped ?? null}::bytea, ${keys.audit?.keyId ?? null}::uuid
        ${agreed})
      insert into runs (id, conversation_id, lane, agent, principal, trigger, job, slot, attempt, parent_run_id, state, policy_hash,
        prompt_hash)
      select ${run.id}::uuid, ${run.conversationId}::uuid, ${run.lane}, ${run.agent}, ${run.principal}, ${run.trigger},
        ${run.job?.name ?? null}, ${run.job?.slot ?? null}::timestamptz, ${run.job?.attempt ?? null}::int,
        ${run.parentRunId ?? null}::uuid, 'running', ${run.policyHash}, ${run.promptHash} ${agreed}`,
    );
    if (begun.count === 0)
      throw new ClawError("mailbox_changed", `run ${run.id}: its messages changed before it began`);
    return first;
  }

  append(events: readonly RunEvent[]): Promise<number> {
    // One after the other, whoever asks: a later row must never be kept without those before it.
    const written = this.#last.then(async () => {
      this.#mustBeOpen();
      const { first, rows, before } = this.#extend(events);
      await this.#write(before, journalInsert(this.#sql, rows));
      return first;
    });
    // After a write that failed nobody knows where the chain ends: whoever takes the run up reads it. Of one that was refused it is known.
    this.#last = written.catch((thrown: unknown) => {
      if (!isWriteRefused(thrown)) this.#ended = true;
    });
    return written;
  }

  /** A tool that has not heard of the end may still append: what is being written is waited for, what comes later is refused. */
  async #end(): Promise<void> {
    await this.#last;
    this.#mustBeOpen();
    this.#ended = true;
  }

  #mustBeOpen(): void {
    if (this.#ended) throw new ClawError("ledger_conflict", `run ${this.#run.id}: its journal is closed`);
  }

  async close(events: readonly RunEvent[], ending: RunEnding): Promise<ClaimedMessage | undefined> {
    await this.#end();
    const sql = this.#sql;
    const { id, conversationId, principal } = this.#run;
    const { rows, before } = this.#extend(events);
    const bodies = this.#keyring.bodies;
    const turn = ending.turn && bodies.sealJson(ending.turn.messages, turnSeal(id));
    const replies = ending.outbox.map((entry, index) => ({ ...outboxRow(bodies, entry), first: index === 0 }));
    const sender = ending.sender ?? null;
    const taint = taintColumn(ending.taint);
    const said = await this.#write(
      before,
      sql<{ id: number; key: string; state: string }[]>`
      with entries as (${journalInsert(sql, rows)}), answered as (
        update inbox set state = 'done' where run_id = ${id}
      ), kept as (
        insert into turns (conversation_id, run_id, principal, tokens, taint, body)
        select ${conversationId}, ${id}, ${principal}, ${ending.turn?.tokens ?? 0}, ${taint}, ${turn ?? null}::bytea
        where ${turn !== undefined}
      ), ended as (
        update runs set state = ${ending.state}, error = ${ending.error ?? null}, steps = ${ending.steps},
          input_tokens = ${ending.usage.inputTokens ?? null}, output_tokens = ${ending.usage.outputTokens ?? null},
          cached_tokens = ${ending.usage.cachedTokens ?? null}, reasoning_tokens = ${ending.usage.reasoningTokens ?? null},
          cost = ${ending.cost ?? null}, taint = ${taint}, finished_at = now()
        where id = ${id}
      ), replies as (
        select *, first and ${sender}::text is not null and not exists (
          select 1 from outbox o where o.lane = row.lane and o.state in ('pending', 'sending')) as claimed
        from jsonb_to_recordset(${sql.json(replies as never)}) as row
          (key text, lane text, destination jsonb, body text, first boolean)
      )
      insert into outbox (key, run_id, lane, destination, body, state, worker, attempts)
      select key, ${id}, lane, destination, decode(body, 'base64'), case when claimed then 'sending' else 'pending' end,
        case when claimed then ${sender}::text end, case when claimed then 1 else 0 end
      from replies
      on conflict (key) do nothing returning id, key, state`,
    );
    const claimed = said.find(({ state }) => state === "sending");
    const entry = claimed && ending.outbox.find(({ key }) => key === claimed.key);
    return (
      entry && {
        id: claimed.id,
        attempts: 1,
        ageMs: 0,
        key: entry.key,
        destination: entry.destination,
        body: entry.body,
      }
    );
  }

  async park({ taint, questions, outbox }: Parking): Promise<void> {
    await this.#end();
    const sql = this.#sql;
    const { id } = this.#run;
    const { rows, before } = this.#extend([{ type: "run.waiting" }]);
    const bodies = this.#keyring.bodies;
    const asked = questions.map((question) => approvalRow(bodies, this.#run, question));
    const prompts = outbox.map((entry) => outboxRow(bodies, entry));
    await this.#write(
      before,
      sql`
      with entries as (${journalInsert(sql, rows)}), held as (
        update inbox set state = 'waiting' where run_id = ${id} and state = 'running'
      ), parked as (
        update runs set state = 'waiting', taint = ${taintColumn(taint)} where id = ${id}
      ), asked as (${approvalInsert(sql, asked)}), said as (
        insert into outbox (key, run_id, lane, destination, body)
        select key, ${id}, lane, destination, decode(body, 'base64')
        from jsonb_to_recordset(${sql.json(prompts as never)}) as row (key text, lane text, destination jsonb, body text)
        on conflict (key) do nothing returning lane
      ), deliveries as (
        select graphile_worker.add_job('deliver', json_build_object('lane', lane), job_key := 'deliver:' || lane)
        from (select distinct lane from said) as lanes
      ), expiries as (
        select graphile_worker.add_job('approval-expiry', json_build_object('code', code), run_at := expires_at,
          job_key := 'approval-expiry:' || code) from asked
      )
      select (select count(*) from deliveries) + (select count(*) from expiries) as jobs`,
    );
  }

  #extend(events: readonly RunEvent[]): { first: number; rows: JournalRow[]; before: ChainEnd } {
    const first = this.#seq;
    const before = { seq: first, hash: this.#hash };
    const at = new Date();
    const rows = events.map((event) => {
      const { row, hash } = toJournalRow(
        { run: this.#run, seq: this.#seq, at, previous: this.#hash },
        event,
        this.#seal,
      );
      this.#seq += 1;
      this.#hash = hash;
      return row;
    });
    return { first, rows, before };
  }

  /**
   * (run_id, seq) is unique: where another worker has taken the run over, this one's write fails and it stops. After one that the
   * database refused for what is in it, the chain ends where it did before and can still be ended otherwise.
   */
  async #write<Result>(before: ChainEnd, statement: PromiseLike<Result>): Promise<Result> {
    try {
      return await statement;
    } catch (cause) {
      const state = refusedState(cause);
      if (state === undefined) throw cause;
      if (state === "23505")
        throw new ClawError("ledger_conflict", `run ${this.#run.id} was taken over by another worker`, { cause });
      this.#seq = before.seq;
      this.#hash = before.hash;
      this.#ended = false;
      throw new ClawError(
        "write_refused",
        `run ${this.#run.id}: PostgreSQL refuses an entry of its journal for what is in it (SQLSTATE ${state}), which is a bug to report`,
        { cause },
      );
    }
  }
}

/** The last row of a chain. */
interface ChainEnd {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** Whether a run's entry was refused for what is in it: nothing was written, and another entry still can be. */
export const isWriteRefused = (thrown: unknown): thrown is ClawError =>
  thrown instanceof ClawError && thrown.code === "write_refused";
