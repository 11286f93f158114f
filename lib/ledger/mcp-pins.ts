/** What the operator agreed to of MCP servers' tools. */
import type { Sql } from "../db/client.ts";
import type { Shape } from "../mcp/shape.ts";

/** A tool as it was agreed to. */
export interface McpPin {
  readonly server: string;
  readonly hash: string;
  readonly shape: Shape;
}

/** The pins of all servers. */
export interface McpPins {
  all(): Promise<McpPin[]>;
  /** Writes a pin, over an older one of the same tool, and tells every gateway. */
  put(pin: McpPin): Promise<void>;
  /** Hears of pins written in any process, until `unlisten`. */
  listen(onPin: () => void): Promise<{ unlisten(): Promise<void> }>;
}

const notification = "openclaw_mcp_pin";

/** The table `mcp_pins`. */
export const createMcpPins = (sql: Sql): McpPins => ({
  async all() {
    const rows = await sql<{ server: string; hash: string; shape: string }[]>`
      select server, hash, shape from mcp_pins order by server, tool`;
    return rows.map(({ server, hash, shape }) => ({ server, hash, shape: JSON.parse(shape) as Shape }));
  },

  async put({ server, hash, shape }) {
    await sql`
      insert into mcp_pins (server, tool, hash, shape) values (${server}, ${shape.name}, ${hash}, ${JSON.stringify(shape)})
      on conflict (server, tool) do update set hash = excluded.hash, shape = excluded.shape, pinned_at = now()`;
    await sql.notify(notification, server);
  },

  async listen(onPin) {
    return sql.listen(notification, onPin);
  },
});
