import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  numeric,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/** One execution of an agent. The journal is its truth; tokens and cost here are sums of it. */
export const runs = pgTable(
  "runs",
  {
    id: uuid().primaryKey(),
    conversationId: uuid("conversation_id").notNull(),
    lane: text().notNull(),
    agent: text().notNull(),
    principal: text().notNull(),
    trigger: text({ enum: ["chat", "agent", "job", "replay"] }).notNull(),
    /** The job it is an attempt of, or the person's own as `schedule:<id>`; null in a chat. */
    job: text(),
    /** Which occurrence of the job, and which attempt at it. */
    slot: instant("slot"),
    attempt: integer(),
    /** The run that called this one by agent_ask, whose messages' delivery this one follows, or that this one replays. */
    parentRunId: uuid("parent_run_id"),
    /** `waiting`: for an approval; nobody works on it until that is decided. */
    state: text({ enum: ["running", "waiting", "done", "failed", "cancelled"] }).notNull(),
    /** Why it failed or was cancelled: a ClawError code. */
    error: text(),
    policyHash: text("policy_hash").notNull(),
    promptHash: text("prompt_hash").notNull(),
    /** The sources that tainted it so far, space-separated; null: none. */
    taint: text(),
    steps: integer().notNull().default(0),
    /** Null: no provider said. */
    inputTokens: bigint("input_tokens", { mode: "number" }),
    outputTokens: bigint("output_tokens", { mode: "number" }),
    cachedTokens: bigint("cached_tokens", { mode: "number" }),
    /** Part of the output tokens. */
    reasoningTokens: bigint("reasoning_tokens", { mode: "number" }),
    /** Null: the price or the usage of one of its calls is unknown. */
    cost: numeric({ precision: 14, scale: 6 }),
    /** The number of the checkpoint that holds the end of its chain; null: none does yet. */
    checkpoint: integer(),
    cancelRequestedAt: instant("cancel_requested_at"),
    startedAt: instant("started_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("runs_running")
      .on(table.lane)
      .where(sql`${table.state} = 'running'`),
    index("runs_started").on(table.startedAt, table.id),
    index("runs_state").on(table.state, table.startedAt, table.id),
    index("runs_agent").on(table.agent, table.startedAt, table.id),
    index("runs_principal").on(table.principal, table.startedAt, table.id),
    index("runs_job")
      .on(table.job, table.startedAt, table.id)
      .where(sql`${table.job} is not null`),
    index("runs_parent")
      .on(table.parentRunId)
      .where(sql`${table.parentRunId} is not null`),
    index("runs_unchecked")
      .on(table.finishedAt)
      .where(sql`${table.checkpoint} is null and ${table.finishedAt} is not null`),
  ],
);

/**
 * The run's data key, twice: wrapped by the gateway's key, until `audit.gateway_retention_days` are over, and by an audit
 * key, which the operator's age identity opens. With both gone the run's payloads are erased.
 */
export const runKeys = pgTable(
  "run_keys",
  {
    runId: uuid("run_id").primaryKey(),
    /** Null: the gateway cannot open the run any more. */
    wrapped: bytes(),
    /** The data key sealed with the audit key `audit_key_id`; null: no `audit.recipient` was set, or it was erased. */
    auditWrapped: bytes("audit_wrapped"),
    auditKeyId: uuid("audit_key_id"),
    createdAt: instant("created_at").notNull().defaultNow(),
    /** By `claw audit erase`. */
    erasedAt: instant("erased_at"),
  },
  (table) => [
    index("run_keys_retention")
      .on(table.createdAt)
      .where(sql`${table.wrapped} is not null`),
  ],
);

/** A key that seals runs' data keys for the operator, itself an age file for `audit.recipient`: known in the clear only to the process that made it, while that runs. */
export const auditKeys = pgTable("audit_keys", {
  id: uuid().primaryKey(),
  /** The age recipient that it was encrypted for. */
  recipient: text().notNull(),
  /** An age file (age-encryption.org/v1, binary) of the 32 bytes. */
  wrapped: bytes().notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});

/**
 * Append-only (a trigger refuses update and delete): what a run did, what a crash resumes from, and the audit trail.
 * Columns carry OpenTelemetry GenAI names without the `gen_ai.` prefix. (run_id, seq) being unique fences a stale
 * owner: two writers of one run collide here, and the loser stops before any effect. No foreign keys: the run's row is
 * written by the same statement as its first entry, and a key check would lock that row again at every append.
 */
export const journal = pgTable(
  "journal",
  {
    runId: uuid("run_id").notNull(),
    seq: integer().notNull(),
    type: text().notNull(),
    at: instant("at").notNull(),
    operationName: text("operation_name"),
    /** What the run is; on run.started alone. */
    conversationId: text("conversation_id"),
    agentName: text("agent_name"),
    principal: text(),
    trigger: text(),
    job: text(),
    policyHash: text("policy_hash"),
    promptHash: text("prompt_hash"),
    providerName: text("provider_name"),
    requestModel: text("request_model"),
    responseModel: text("response_model"),
    responseId: text("response_id"),
    finishReason: text("finish_reason"),
    providerRequestId: text("provider_request_id"),
    toolName: text("tool_name"),
    toolCallId: text("tool_call_id"),
    decision: text({ enum: ["allow", "deny", "ask"] }),
    rule: text(),
    /** The sources that tainted the run when it was decided, space-separated. */
    taint: text(),
    /** Who approved or refused. */
    approver: text(),
    inputTokens: bigint("input_tokens", { mode: "number" }),
    outputTokens: bigint("output_tokens", { mode: "number" }),
    cachedTokens: bigint("cached_tokens", { mode: "number" }),
    /** Part of the output tokens. */
    reasoningTokens: bigint("reasoning_tokens", { mode: "number" }),
    /** Of the call; null: its price or usage is unknown. */
    cost: doublePrecision(),
    /** Where that is from: the provider's own count, the config's price, or the list prices known to this version. */
    costSource: text("cost_source", { enum: ["provider", "config", "list"] }),
    /** The model declined to answer. */
    refusal: boolean(),
    /** Characters of the run's answer; on run.finished alone. */
    answerLength: integer("answer_length"),
    errorType: text("error_type"),
    durationMs: integer("duration_ms"),
    /** Sealed with the run's data key; null where the type has no payload. */
    payload: bytes(),
    prevHash: bytes("prev_hash").notNull(),
    hash: bytes().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.seq] }),
    index("journal_at").on(table.at),
    index("journal_tool")
      .on(table.toolName, table.at, table.runId)
      .where(sql`${table.toolName} is not null`),
    index("journal_decision")
      .on(table.decision, table.at, table.runId, table.toolName)
      .where(sql`${table.decision} in ('deny', 'ask')`),
    index("journal_llm")
      .on(table.at)
      .where(sql`${table.type} in ('llm.answered', 'llm.consulted')`),
    index("journal_request")
      .on(table.providerRequestId)
      .where(sql`${table.providerRequestId} is not null`),
    index("journal_response")
      .on(table.responseId)
      .where(sql`${table.responseId} is not null`),
  ],
);
