import { pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** What an MCP server's tool looked like when the operator agreed to it (`claw mcp pin`). */
export const mcpPins = pgTable(
  "mcp_pins",
  {
    server: text().notNull(),
    tool: text().notNull(),
    /** SHA-256 (hex) of its name, description and input schema in canonical JSON. */
    hash: text().notNull(),
    /** The description and input schema themselves, JSON: what models are offered. */
    shape: text().notNull(),
    pinnedAt: instant("pinned_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.server, table.tool] })],
);
