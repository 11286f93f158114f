import { sql } from "drizzle-orm";
import { bigint, index, integer, numeric, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
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
    trigger: text({ enum: ["chat", "agent", "job"] }).notNull(),
    /** The job it is an attempt of, or the person's own as `schedule:<id>`; null in a chat. */
    job: text(),
    /** Which occurrence of the job, and which attempt at it. */
    slot: instant("slot"),
    attempt: integer(),
    /** The run that called this one by agent_ask, or whose messages' delivery this one follows. */
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
    /** Null: no price is configured, or usage is unknown. */
    cost: numeric({ precision: 14, scale: 6 }),
    cancelRequestedAt: instant("cancel_requested_at"),
    startedAt: instant("started_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("runs_running")
      .on(table.lane)
      .where(sql`${table.state} = 'running'`),
    index("runs_started").on(table.startedAt),
  ],
);

/** The run's data key, wrapped by the gateway's key. Without it the run's payloads are erased. */
export const runKeys = pgTable("run_keys", { runId: uuid("run_id").primaryKey(), wrapped: bytes().notNull() });

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
    errorType: text("error_type"),
    durationMs: integer("duration_ms"),
    /** Sealed with the run's data key; null where the type has no payload. */
    payload: bytes(),
    prevHash: bytes("prev_hash").notNull(),
    hash: bytes().notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.seq] })],
);
