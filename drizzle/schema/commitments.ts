import { sql } from "drizzle-orm";
import { bigint, date, index, pgTable, text } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/** What a person promised to do. `call_key` makes adding one happen once. */
export const commitments = pgTable(
  "commitments",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    callKey: text("call_key").notNull().unique(),
    principal: text().notNull(),
    /** Sealed text. */
    body: bytes().notNull(),
    due: date({ mode: "string" }),
    /** The sources that tainted the run that added it, space-separated; null: none. */
    taint: text(),
    createdAt: instant("created_at").notNull().defaultNow(),
    completedAt: instant("completed_at"),
  },
  (table) => [
    index("commitments_open")
      .on(table.principal, table.due)
      .where(sql`${table.completedAt} is null`),
  ],
);
