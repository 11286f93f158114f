import { boolean, index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
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
