import { sql } from "drizzle-orm";
import { index, integer, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/**
 * A question to the approvers about one exact tool call: the call at (`run_id`, `seq`) of the journal, by its hash. Decided
 * once, before `expires_at`; what was decided holds for that call alone.
 */
export const approvals = pgTable(
  "approvals",
  {
    /** Short enough to be typed; unique for ever. */
    code: text().primaryKey(),
    runId: uuid("run_id").notNull(),
    /** Of the call's `tool.requested`. */
    seq: integer().notNull(),
    /** SHA-256 (hex) of run, call and canonical arguments: what is run must have it still. */
    callHash: text("call_hash").notNull(),
    agent: text().notNull(),
    tool: text().notNull(),
    /** Who asked the agent. */
    principal: text().notNull(),
    /** The lane of the run, woken when all of its questions are decided. */
    lane: text().notNull(),
    /** Why it is asked: a rule of the policy. */
    rule: text().notNull(),
    /** Sealed JSON: what the approvers are shown. */
    body: bytes().notNull(),
    state: text({ enum: ["pending", "approved", "denied", "expired", "cancelled"] })
      .notNull()
      .default("pending"),
    /** The principal who decided, or `operator` by the command line. */
    decidedBy: text("decided_by"),
    decidedAt: instant("decided_at"),
    expiresAt: instant("expires_at").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    unique("approvals_call").on(table.runId, table.seq),
    index("approvals_pending")
      .on(table.expiresAt)
      .where(sql`${table.state} = 'pending'`),
  ],
);
