import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { Destination } from "../../lib/channel/types.ts";
import { bytes, instant } from "./columns.ts";

/**
 * Everything to be said, once (`key` is unique), in order per lane. `sending` is written before a send that the channel
 * cannot repeat safely; found after a crash it becomes `unknown`: counted, shown, never sent again by itself.
 */
export const outbox = pgTable(
  "outbox",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    key: text().notNull().unique(),
    runId: uuid("run_id"),
    lane: text().notNull(),
    destination: jsonb().$type<Destination>().notNull(),
    body: bytes().notNull(),
    /** The encrypted event's content (JSON), once it is made: every later attempt sends this very one. */
    ciphertext: text(),
    state: text({ enum: ["pending", "sending", "sent", "unknown", "failed"] })
      .notNull()
      .default("pending"),
    attempts: integer().notNull().default(0),
    /** Who is sending it; a worker whose advisory lock is gone is dead. */
    worker: text(),
    notBefore: instant("not_before").notNull().defaultNow(),
    remoteId: text("remote_id"),
    reason: text(),
    createdAt: instant("created_at").notNull().defaultNow(),
    sentAt: instant("sent_at"),
  },
  (table) => [
    index("outbox_open")
      .on(table.lane, table.id)
      .where(sql`${table.state} in ('pending', 'sending')`),
    index("outbox_unknown")
      .on(table.id)
      .where(sql`${table.state} = 'unknown'`),
    index("outbox_run")
      .on(table.runId)
      .where(sql`${table.runId} is not null`),
    index("outbox_remote")
      .on(table.remoteId)
      .where(sql`${table.remoteId} is not null`),
  ],
);
