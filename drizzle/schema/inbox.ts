import { sql } from "drizzle-orm";
import { bigint, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/**
 * Everything accepted from a channel, once (`source` is unique). A row is committed before the push is acknowledged.
 * `state`: new -> running (belongs to `run_id`; `waiting` while that waits for an approval) -> done; or at once ignored, denied, refused or poison, with `reason`.
 */
export const inbox = pgTable(
  "inbox",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    source: text().notNull().unique(),
    channel: text({ enum: ["matrix", "telegram"] }).notNull(),
    lane: text().notNull(),
    principal: text(),
    kind: text({ enum: ["message", "control", "membership", "encrypted", "other"] }).notNull(),
    state: text({ enum: ["new", "running", "waiting", "done", "ignored", "denied", "refused", "poison"] }).notNull(),
    reason: text(),
    /** Sealed InboundMessage; null where there was nothing to keep. */
    body: bytes(),
    runId: uuid("run_id"),
    receivedAt: instant("received_at").notNull().defaultNow(),
  },
  (table) => [
    index("inbox_open")
      .on(table.lane, table.id)
      .where(sql`${table.state} in ('new', 'running')`),
    index("inbox_run")
      .on(table.runId)
      .where(sql`${table.runId} is not null`),
  ],
);
