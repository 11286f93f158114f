import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { bytes, instant } from "./columns.ts";

/** Which agent user is in which room, as pushed by the homeserver and as our own joins were answered. */
export const matrixRooms = pgTable(
  "matrix_rooms",
  {
    userId: text("user_id").notNull(),
    roomId: text("room_id").notNull(),
    membership: text({ enum: ["invite", "join", "leave", "ban", "knock"] }).notNull(),
    /** A direct chat: joined by the inviter's right, not by config. */
    direct: boolean().notNull().default(false),
    inviter: text(),
    /** The room of the config that this one replaced (m.room.tombstone): it counts as that one. */
    origin: text(),
    /** Once true it stays true: encryption cannot be turned off. */
    encrypted: boolean().notNull().default(false),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.roomId] }), index("matrix_rooms_room").on(table.roomId)],
);

/** Transactions seen. A homeserver whose database was made anew counts from 1 again, hence the digest of the body. */
export const matrixTransactions = pgTable(
  "matrix_transactions",
  {
    txnId: text("txn_id").notNull(),
    digest: bytes().notNull(),
    receivedAt: instant("received_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.txnId, table.digest] })],
);

/**
 * An agent's one device: its cursor, its keys as others see them, and who holds it. `epoch` counts holders: what is written
 * on behalf of an earlier one is refused.
 */
export const matrixDevices = pgTable("matrix_devices", {
  userId: text("user_id").primaryKey(),
  deviceId: text("device_id").notNull(),
  epoch: bigint({ mode: "number" }).notNull().default(0),
  holder: text(),
  /** Where the next pull of to-device messages begins. */
  syncToken: text("sync_token"),
  /** The crypto store's object stores and indexes, by database. */
  storeSchema: jsonb("store_schema"),
  /** Sealed private cross-signing keys, for a new crypto store. */
  identity: bytes(),
  /** Public keys, unpadded base64. */
  ed25519: text(),
  masterKey: text("master_key"),
  oneTimeKeys: integer("one_time_keys"),
  pulledAt: instant("pulled_at"),
  /** What keeps the agent from reading or answering, in the holder's words; null: nothing. */
  trouble: text(),
  createdAt: instant("created_at").notNull().defaultNow(),
});

/** Records of the agents' crypto stores. The store encrypts its values with a key derived from OPENCLAW_KEY. */
export const matrixCrypto = pgTable(
  "matrix_crypto",
  {
    userId: text("user_id").notNull(),
    database: text().notNull(),
    store: text().notNull(),
    key: text().notNull(),
    value: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.database, table.store, table.key] })],
);

/**
 * Which event a place of a Megolm session was read in, for each agent: the same words under another event id are a copy that
 * somebody else has made, as the homeserver could to have a command run again.
 */
export const matrixSeen = pgTable(
  "matrix_seen",
  {
    userId: text("user_id").notNull(),
    sessionId: text("session_id").notNull(),
    messageIndex: bigint("message_index", { mode: "number" }).notNull(),
    eventId: text("event_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.sessionId, table.messageIndex] })],
);

/**
 * Who a person is, cryptographically: the cross-signing identity first seen for them, or the one the operator trusts
 * instead. The `seen` columns hold what was refused last, for `claw matrix trust`.
 */
export const matrixIdentities = pgTable("matrix_identities", {
  userId: text("user_id").primaryKey(),
  /** Public master key, unpadded base64; null: none was ever seen. */
  masterKey: text("master_key"),
  /** By emoji, not merely seen first. */
  verified: boolean().notNull().default(false),
  /** Ed25519 keys of devices without a cross-signature that the operator trusts. */
  trustedDevices: text("trusted_devices").array().notNull().default([]),
  seenMasterKey: text("seen_master_key"),
  seenDevice: text("seen_device"),
  seenDeviceKey: text("seen_device_key"),
  seenAt: instant("seen_at"),
  pinnedAt: instant("pinned_at").notNull().defaultNow(),
});

/** What `claw matrix` asks of the gateway that holds an agent: a verification or a self-test, and how it goes. */
export const matrixRequests = pgTable("matrix_requests", {
  id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  userId: text("user_id").notNull(),
  kind: text({ enum: ["verify", "selftest"] }).notNull(),
  state: text({ enum: ["open", "done", "failed"] })
    .notNull()
    .default("open"),
  /** What was asked. */
  asked: jsonb().notNull(),
  /** How far it is, for the person at the terminal: no secret and nothing that was said. */
  progress: jsonb().notNull().default([]),
  /** The person's answer, where one is wanted. */
  answer: text(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
