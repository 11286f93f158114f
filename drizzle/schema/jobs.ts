import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from "drizzle-orm/pg-core";
import type { Destination } from "../../lib/channel/types.ts";
import { bytes, instant } from "./columns.ts";

/** Jobs of the config, with when each was first seen: what was due before is not made up for. */
export const jobs = pgTable("jobs", {
  name: text().primaryKey(),
  knownSince: instant("known_since").notNull().defaultNow(),
});

/**
 * One attempt at one scheduled occurrence of a job. (job, slot, attempt) being unique is what makes a job fire once, however
 * often and from wherever it is asked for. The lane `job:<name>` works through them.
 */
export const jobSlots = pgTable(
  "job_slots",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    job: text().notNull(),
    /** When it was due. */
    slot: instant("slot").notNull(),
    attempt: integer().notNull().default(1),
    /** Who asked for it: a timer's request, the clock in here, a person by hand, a failed attempt before it. */
    cause: text({ enum: ["timer", "clock", "hand", "retry"] }).notNull(),
    /**
     * `delivering`: the run has ended, its messages are on their way. `quiet`: there was nothing to say. `missed`: too late by
     * `catch_up`, never begun.
     */
    state: text({ enum: ["new", "running", "delivering", "done", "quiet", "failed", "missed"] }).notNull(),
    runId: uuid("run_id"),
    /** Why it failed or was missed, for the operator; never what people or agents said. */
    reason: text(),
    /** Nobody works on it before. */
    notBefore: instant("not_before").notNull().defaultNow(),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    unique("job_slots_once").on(table.job, table.slot, table.attempt),
    index("job_slots_open")
      .on(table.job, table.id)
      .where(sql`${table.state} in ('new', 'running', 'delivering')`),
  ],
);

/** What a person asked to be told or done later, once or again and again, within their own scope at that time. */
export const schedules = pgTable(
  "schedules",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    callKey: text("call_key").notNull().unique(),
    principal: text().notNull(),
    agent: text().notNull(),
    lane: text().notNull(),
    destination: jsonb().$type<Destination>().notNull(),
    /** Whether others read what is said there. */
    shared: boolean().notNull(),
    /** A cron expression in `timezone`; null: once, at `next_at`. */
    cron: text(),
    timezone: text().notNull(),
    /** Sealed text: what the agent is asked then. */
    body: bytes().notNull(),
    /** The sources that tainted the run that made it, space-separated; null: none. */
    taint: text(),
    /** Null: it is over, or was deleted. */
    nextAt: instant("next_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("schedules_due")
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
    index("schedules_principal").on(table.principal),
  ],
);

/** Alerts as the gateway saw them, so that what came and went between two briefings is known. */
export const alertsSeen = pgTable(
  "alerts_seen",
  {
    fingerprint: text().notNull(),
    startsAt: instant("starts_at").notNull(),
    /** Sealed JSON: labels and annotations. */
    body: bytes().notNull(),
    lastSeenAt: instant("last_seen_at").notNull(),
    /** First looked for and not found. Null: it was still there. */
    goneAt: instant("gone_at"),
  },
  (table) => [primaryKey({ columns: [table.fingerprint, table.startsAt] }), index("alerts_seen_gone").on(table.goneAt)],
);
