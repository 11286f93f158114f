/** Runs and their journals: begun, continued, closed and taken up again after a crash. */
import { randomBytes } from "node:crypto";
import type { RecordedEvent, RunEvent, RunJournal } from "../agent/events.ts";
import type { ModelMessage } from "../agent/model.ts";
import type { RunUsage } from "../agent/transcript.ts";
import type { Principal } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { type TaintSource, taintColumn, taintSources } from "../policy/taint.ts";
import { type Keyring, Sealer } from "../seal.ts";
import { approvalInsert, approvalRow, type NewApproval } from "./approvals.ts";
import { fromJournalRow, type JournalRow, noHash, type StoredJournalRow, toJournalRow } from "./journal-row.ts";
import { type ClaimedMessage, type OutboxEntry, outboxRow } from "./outbox.ts";
import { turnSeal } from "./turns.ts";

/** What is known of a run from its beginning. */
export interface Run {
  readonly id: string;
  readonly conversationId: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: "chat" | "agent";
  /** The run that called this one. */
  readonly parentRunId?: string | undefined;
  readonly policyHash: string;
  readonly promptHash: string;
}

/** An inbox row as it was read. */
export interface InboxRevision {
  readonly id: number;
  /** Its xmin: another after every change. */
  readonly revision: string;
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

/** A run's journal, open for its one owner. */
export interface OpenRun extends RunJournal {
  readonly run: Run;
  /** Leaves the run to whoever takes it up once its questions are decided. Nothing can be appended afterwards. */
  park(parking: Parking): Promise<void>;
  /** Ends the run. Nothing can be appended afterwards. Returns the message that `sender` has claimed by it. */
  close(events: readonly RunEvent[], ending: RunEnding): Promise<ClaimedMessage | undefined>;
}

/** The run's id as a person is shown it: enough to find it by, in `runs`. */
export const shortId = (id: string): string => id.slice(-8);

/** Throws ClawError `config_invalid` where the database was sealed with another OPENCLAW_KEY. */
export async function checkKey(sql: Sql, keyring: Keyring): Promise<void> {
  const [row] = await sql<{ run_id: string; wrapped: Uint8Array }[]>`select run_id, wrapped from run_keys limit 1`;
  if (!row) return;
  try {
    keyring.runKeys.open(row.wrapped, `run:${row.run_id}`);
  } catch (cause) {
    throw new ClawError(
      "config_invalid",
      "OPENCLAW_KEY is not the key this database was sealed with: set the one it was made with, or use another database",
      { cause },
    );
  }
}

/** A new run; it and its key are written with its first entries, and the inbox rows it answers become its own. */
export function beginRun(sql: Sql, keyring: Keyring, run: Run, inbox: readonly InboxRevision[]): OpenRun {
  const key = randomBytes(32);
  const wrapped = keyring.runKeys.seal(key, `run:${run.id}`);
  const chain = new Chain(sql, keyring, run, new Sealer(key), 0, noHash);
  let begun = false;
  return {
    run,
    append: async (events) => {
      if (begun) return chain.append(events);
      begun = true;
      return chain.begin(events, wrapped, inbox);
    },
    park: (parking) => chain.park(parking),
    close: async (events, ending) => {
      // One that fails before its first entry is begun all the same: its messages must end with it.
      if (!begun) await chain.begin([], wrapped, inbox);
      begun = true;
      return chain.close(events, ending);
    },
  };
}

/** Opens a run that was interrupted. Undefined when it has ended. Throws ClawError `environment` where its key is gone. */
export async function resumeRun(
  sql: Sql,
  keyring: Keyring,
  id: string,
): Promise<{ open: OpenRun; past: RecordedEvent[] } | undefined> {
  const [row] = await sql<StoredRun[]>`
    select r.id, r.conversation_id, r.lane, r.agent, r.principal, r.trigger, r.parent_run_id, r.policy_hash, r.prompt_hash,
           k.wrapped
    from runs r left join run_keys k on k.run_id = r.id where r.id = ${id} and r.state = 'running'`;
  if (!row) return undefined;
  if (!row.wrapped) throw new ClawError("environment", `run ${id}: its key was erased, so it cannot be resumed`);
  const seal = new Sealer(keyring.runKeys.open(row.wrapped, `run:${id}`));
  const rows = await sql<
    (StoredJournalRow & { hash: Uint8Array })[]
  >`select * from journal where run_id = ${id} order by seq`;
  const run: Run = {
    id,
    conversationId: row.conversation_id,
    lane: row.lane,
    agent: row.agent,
    principal: row.principal,
    trigger: row.trigger,
    parentRunId: row.parent_run_id ?? undefined,
    policyHash: row.policy_hash,
    promptHash: row.prompt_hash,
  };
  const chain = new Chain(sql, keyring, run, seal, rows.length, rows.at(-1)?.hash ?? noHash);
  return {
    open: {
      run,
      append: (events) => chain.append(events),
      park: (parking) => chain.park(parking),
      close: (events, ending) => chain.close(events, ending),
    },
    past: rows.map((stored) => fromJournalRow(id, stored, seal)),
  };
}

/** How a run ended: its last words and what had tainted it. Undefined where it has not, or never was. */
export async function endedRun(
  sql: Sql,
  keyring: Keyring,
  id: string,
): Promise<{ state: string; text: string; taint: readonly TaintSource[] } | undefined> {
  const [row] = await sql<(StoredJournalRow & { state: string; run_taint: string | null; wrapped: Uint8Array })[]>`
    select j.*, r.state, r.taint as run_taint, k.wrapped from runs r
    join run_keys k on k.run_id = r.id join journal j on j.run_id = r.id and j.type = 'run.finished'
    where r.id = ${id} and r.state in ('done', 'failed', 'cancelled')`;
  if (!row) return undefined;
  const { event } = fromJournalRow(id, row, new Sealer(keyring.runKeys.open(row.wrapped, `run:${id}`)));
  return {
    state: row.state,
    text: event.type === "run.finished" ? event.text : "",
    taint: taintSources(row.run_taint),
  };
}

/** Ends the runs that a run asked for and that are still open: nobody will take them up again. Returns them. */
export async function endChildren(sql: Sql, id: string): Promise<string[]> {
  const over = await sql<{ id: string }[]>`
    with recursive below as (
      select id from runs where parent_run_id = ${id} union all
      select r.id from runs r join below b on r.parent_run_id = b.id
    )
    update runs set state = 'cancelled', error = 'cancelled', finished_at = now()
    where id in (select id from below) and state in ('running', 'waiting') returning id`;
  return over.map((run) => run.id);
}

/** Whether a person asked for the run to be stopped. */
export async function isCancelRequested(sql: Sql, id: string): Promise<boolean> {
  const [row] = await sql`select 1 from runs where id = ${id} and cancel_requested_at is not null`;
  return row !== undefined;
}

/** Ends a run whose journal cannot be continued, since its key or an entry cannot be opened. Its messages are over too. */
export async function abandonRun(sql: Sql, id: string): Promise<void> {
  await sql`
    with over as (update inbox set state = 'done', reason = 'its run cannot be resumed' where run_id = ${id} and state = 'running')
    update runs set state = 'failed', error = 'environment', finished_at = now() where id = ${id} and state = 'running'`;
}

interface StoredRun {
  readonly conversation_id: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: Run["trigger"];
  readonly parent_run_id: string | null;
  readonly policy_hash: string;
  readonly prompt_hash: string;
  readonly wrapped: Uint8Array | null;
}

/** `insert into journal` from one JSON parameter. */
const journalInsert = (sql: Sql, rows: readonly JournalRow[], only = sql``) => sql`
  insert into journal (run_id, seq, type, at, operation_name, provider_name, request_model, response_model, response_id,
    finish_reason, provider_request_id, tool_name, tool_call_id, decision, rule, taint, approver, input_tokens, output_tokens, cached_tokens,
    error_type, duration_ms, payload, prev_hash, hash)
  select run_id, seq, type, at, operation_name, provider_name, request_model, response_model, response_id,
    finish_reason, provider_request_id, tool_name, tool_call_id, decision, rule, taint, approver, input_tokens, output_tokens, cached_tokens,
    error_type, duration_ms, decode(payload, 'base64'), decode(prev_hash, 'base64'), decode(hash, 'base64')
  from jsonb_to_recordset(${sql.json(rows as never)}) as row (run_id uuid, seq int, type text, at timestamptz, operation_name text,
    provider_name text, request_model text, response_model text, response_id text, finish_reason text,
    provider_request_id text, tool_name text, tool_call_id text, decision text, rule text, taint text, approver text, input_tokens bigint,
    output_tokens bigint, cached_tokens bigint, error_type text, duration_ms int, payload text, prev_hash text, hash text)
  ${only}`;

/** The end of a run's chain, and the three statements that make it longer. Each is one transaction. */
class Chain {
  readonly #sql: Sql;
  readonly #keyring: Keyring;
  readonly #run: Run;
  readonly #seal: Sealer;
  #seq: number;
  #hash: Uint8Array;
  #last: Promise<unknown> = Promise.resolve();

  constructor(sql: Sql, keyring: Keyring, run: Run, seal: Sealer, seq: number, hash: Uint8Array) {
    this.#sql = sql;
    this.#keyring = keyring;
    this.#run = run;
    this.#seal = seal;
    this.#seq = seq;
    this.#hash = hash;
  }

  async begin(events: readonly RunEvent[], wrapped: Uint8Array, inbox: readonly InboxRevision[]): Promise<number> {
    const sql = this.#sql;
    const run = this.#run;
    const { first, rows } = this.#extend(events);
    const ids = inbox.map(({ id }) => id);
    const revisions = inbox.map(({ revision }) => revision);
    // All or nothing: what was edited, redacted or dropped since it was read must not be answered as it was.
    const agreed = sql`where (select count(*) from taken) = ${ids.length}`;
    const begun = await this.#write(sql`
      with fresh as (
        select id from inbox
        where (id, xmin::text) in (select * from unnest(${ids}::bigint[], ${revisions}::text[])) and state = 'new' for update
      ), taken as (
        update inbox set state = 'running', run_id = ${run.id}
        where id in (select id from fresh) and (select count(*) from fresh) = ${ids.length} returning id
      ), entries as (${journalInsert(sql, rows, agreed)}
      ), keyed as (insert into run_keys (run_id, wrapped) select ${run.id}::uuid, ${wrapped}::bytea ${agreed})
      insert into runs (id, conversation_id, lane, agent, principal, trigger, parent_run_id, state, policy_hash, prompt_hash)
      select ${run.id}::uuid, ${run.conversationId}::uuid, ${run.lane}, ${run.agent}, ${run.principal}, ${run.trigger},
        ${run.parentRunId ?? null}::uuid, 'running', ${run.policyHash}, ${run.promptHash} ${agreed}`);
    if (begun.count === 0)
      throw new ClawError("mailbox_changed", `run ${run.id}: its messages changed before it began`);
    return first;
  }

  append(events: readonly RunEvent[]): Promise<number> {
    // One after the other, whoever asks: a later row must never be kept without those before it.
    const written = this.#last.then(async () => {
      const { first, rows } = this.#extend(events);
      await this.#write(journalInsert(this.#sql, rows));
      return first;
    });
    this.#last = written.catch(() => undefined);
    return written;
  }

  async close(events: readonly RunEvent[], ending: RunEnding): Promise<ClaimedMessage | undefined> {
    const sql = this.#sql;
    const { id, conversationId, principal } = this.#run;
    const { rows } = this.#extend(events);
    const bodies = this.#keyring.bodies;
    const turn = ending.turn && bodies.sealJson(ending.turn.messages, turnSeal(id));
    const replies = ending.outbox.map((entry, index) => ({ ...outboxRow(bodies, entry), first: index === 0 }));
    const sender = ending.sender ?? null;
    const taint = taintColumn(ending.taint);
    const said = await this.#write(sql<{ id: number; key: string; state: string }[]>`
      with entries as (${journalInsert(sql, rows)}), answered as (
        update inbox set state = 'done' where run_id = ${id}
      ), kept as (
        insert into turns (conversation_id, run_id, principal, tokens, taint, body)
        select ${conversationId}, ${id}, ${principal}, ${ending.turn?.tokens ?? 0}, ${taint}, ${turn ?? null}::bytea
        where ${turn !== undefined}
      ), ended as (
        update runs set state = ${ending.state}, error = ${ending.error ?? null}, steps = ${ending.steps},
          input_tokens = ${ending.usage.inputTokens ?? null}, output_tokens = ${ending.usage.outputTokens ?? null},
          cached_tokens = ${ending.usage.cachedTokens ?? null}, cost = ${ending.cost ?? null}, taint = ${taint}, finished_at = now()
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
      on conflict (key) do nothing returning id, key, state`);
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
    const sql = this.#sql;
    const { id } = this.#run;
    const { rows } = this.#extend([{ type: "run.waiting" }]);
    const bodies = this.#keyring.bodies;
    const asked = questions.map((question) => approvalRow(bodies, this.#run, question));
    const prompts = outbox.map((entry) => outboxRow(bodies, entry));
    await this.#write(sql`
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
      select (select count(*) from deliveries) + (select count(*) from expiries) as jobs`);
  }

  #extend(events: readonly RunEvent[]): { first: number; rows: JournalRow[] } {
    const first = this.#seq;
    const at = new Date();
    const rows = events.map((event) => {
      const { row, hash } = toJournalRow(
        { runId: this.#run.id, seq: this.#seq, at, previous: this.#hash },
        event,
        this.#seal,
      );
      this.#seq += 1;
      this.#hash = hash;
      return row;
    });
    return { first, rows };
  }

  /** (run_id, seq) is unique: where another worker has taken the run over, this one's write fails and it stops. */
  async #write<Result>(statement: PromiseLike<Result>): Promise<Result> {
    try {
      return await statement;
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== "23505") throw cause;
      throw new ClawError("ledger_conflict", `run ${this.#run.id} was taken over by another worker`, { cause });
    }
  }
}
