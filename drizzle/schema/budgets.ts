import { bigint, index, numeric, pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** What a scope (`agent:ops`, `principal:matrix:@me:home.example`, `job:briefing`, `run:<id>`) used in a period (`2026-11-24` or `all`). */
export const budgets = pgTable(
  "budgets",
  {
    scope: text().notNull(),
    period: text().notNull(),
    /** Settled: tokens of input and output, and their price. */
    tokens: bigint({ mode: "number" }).notNull().default(0),
    money: numeric({ precision: 14, scale: 6 }).notNull().default("0"),
    /** Held for calls that are under way: the most they can cost. */
    heldTokens: bigint("held_tokens", { mode: "number" }).notNull().default(0),
    heldMoney: numeric("held_money", { precision: 14, scale: 6 }).notNull().default("0"),
    /** When the operator was told that the soft threshold was passed. */
    warnedAt: instant("warned_at"),
  },
  (table) => [primaryKey({ columns: [table.scope, table.period] })],
);

/** One hold for one model call; gone once it is settled. Those of a dead process are settled at what they held. */
export const budgetHolds = pgTable(
  "budget_holds",
  {
    id: uuid().primaryKey(),
    runId: uuid("run_id").notNull(),
    /** The budgets it is held in, as [[scope, period], …] in JSON. */
    scopes: text().notNull(),
    tokens: bigint({ mode: "number" }).notNull(),
    money: numeric({ precision: 14, scale: 6 }).notNull(),
    worker: text().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true, mode: "date" }).notNull().defaultNow(),
  },
  (table) => [index("budget_holds_worker").on(table.worker)],
);
