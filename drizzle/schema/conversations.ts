import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, pgTable, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/** A lane with one agent. The active one of a lane is who answers there. */
export const conversations = pgTable(
  "conversations",
  {
    id: uuid().primaryKey(),
    lane: text().notNull(),
    agent: text().notNull(),
    active: boolean().notNull(),
    /** The last turn before `/new`: history begins after it. */
    resetTurn: bigint("reset_turn", { mode: "number" }).notNull().default(0),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    unique("conversations_lane_agent").on(table.lane, table.agent),
    uniqueIndex("conversations_active")
      .on(table.lane)
      .where(sql`${table.active}`),
  ],
);

/** What was said and done in one run, as the model is shown it later: sealed ModelMessage[]. */
export const turns = pgTable(
  "turns",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    conversationId: uuid("conversation_id").notNull(),
    runId: uuid("run_id").notNull().unique(),
    principal: text().notNull(),
    /** Estimated tokens of the whole turn. */
    tokens: integer().notNull(),
    /** The sources that tainted its run, space-separated; null: none. */
    taint: text(),
    body: bytes().notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("turns_conversation").on(table.conversationId, table.id),
    index("turns_principal").on(table.principal, table.createdAt),
  ],
);
