import { bigint, index, pgTable, text, unique } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/** What an agent wrote down for a person. `title_hash` finds a note by its title, which is sealed with the rest. */
export const notes = pgTable(
  "notes",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    agent: text().notNull(),
    principal: text().notNull(),
    titleHash: text("title_hash").notNull(),
    /** Sealed JSON: title and text. */
    body: bytes().notNull(),
    /** The sources that tainted what was written, space-separated; null: none. */
    taint: text(),
    /** Of the call that wrote it last: a repeat changes nothing. */
    callKey: text("call_key").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    unique("notes_title").on(table.agent, table.principal, table.titleHash),
    index("notes_updated").on(table.agent, table.principal, table.updatedAt),
  ],
);
