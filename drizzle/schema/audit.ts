import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/**
 * Append-only, as the journal: signed statements of how the chains of finished runs ended. Each holds the hash of the one
 * before it, so that none can be taken away or changed unseen by whoever has a later one.
 */
export const checkpoints = pgTable("checkpoints", {
  /** From 1, without gaps. */
  number: integer().primaryKey(),
  at: instant("at").notNull(),
  /** Of its heads. */
  runs: integer().notNull(),
  /** SHA-256 over its heads in order. */
  headsHash: bytes("heads_hash").notNull(),
  /** 32 zero bytes in the first. */
  previousHash: bytes("previous_hash").notNull(),
  hash: bytes().notNull(),
  /** Ed25519 over `hash`. */
  signature: bytes().notNull(),
  /** 32 bytes: whose signature it is. */
  publicKey: bytes("public_key").notNull(),
});

/** How the chain of one finished run ended. Append-only. A run has one. */
export const checkpointHeads = pgTable(
  "checkpoint_heads",
  {
    runId: uuid("run_id").primaryKey(),
    number: integer().notNull(),
    /** Rows of its chain. */
    rows: integer().notNull(),
    /** Of its last row; 32 zero bytes where it has none. */
    hash: bytes().notNull(),
  },
  (table) => [index("checkpoint_heads_number").on(table.number)],
);

/**
 * Append-only: every change of OPENCLAW_KEY. The new key signs what it vouches for of the old one's: the checkpoints up to this
 * one, by its hash, which holds those of all before it.
 */
export const keyRotations = pgTable("key_rotations", {
  /** From 1, without gaps. */
  number: integer().primaryKey(),
  at: instant("at").notNull(),
  /** 32 bytes: the public key whose signatures end here. */
  retiredKey: bytes("retired_key").notNull(),
  /** The last checkpoint before it; 0: there was none. */
  checkpoint: integer().notNull(),
  /** 32 zero bytes where there was none. */
  checkpointHash: bytes("checkpoint_hash").notNull(),
  /** Ed25519 over the hash of all above, by `public_key`. */
  signature: bytes().notNull(),
  /** 32 bytes: who signs from here on. */
  publicKey: bytes("public_key").notNull(),
});

/** What was found to have changed in how an agent behaves, and told once. */
export const driftAlerts = pgTable(
  "drift_alerts",
  {
    agent: text().notNull(),
    metric: text().notNull(),
    /** The first run of the baseline after it: what happened before counts no more. */
    at: instant("at").notNull(),
    /** The numbers, the likely cause and the example runs, as lib/audit/drift has them; nothing that was said. */
    facts: jsonb().notNull(),
    raisedAt: instant("raised_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.agent, table.metric, table.at] })],
);

/** Who may open the ops page: a link that logs in once, or a session. Only SHA-256 of their secrets is kept. */
export const opsSessions = pgTable(
  "ops_sessions",
  {
    hash: bytes().primaryKey(),
    kind: text({ enum: ["link", "session"] }).notNull(),
    /** A link that was used. */
    used: boolean().notNull().default(false),
    createdAt: instant("created_at").notNull().defaultNow(),
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [index("ops_sessions_expiry").on(table.expiresAt)],
);
