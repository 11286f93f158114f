import type { Config } from "../../lib/config/config.ts";
import { createMcpPins } from "../../lib/ledger/mcp-pins.ts";
import type { Sql } from "../../lib/db/client.ts";
import { offerOf, shapeHash } from "../../lib/mcp/shape.ts";
import { unconnectedTools } from "../../lib/tools/builtin.ts";
import { defineTool, type Tool } from "../../lib/tools/define.ts";
import { loadOwnTools } from "../../lib/tools/own.ts";

/**
 * The tools of a config as a model is offered them, connected to nothing: the built-in ones, the operator's own, and those of
 * MCP servers as they were pinned. No server is asked; a pinned tool that cannot be offered is left out.
 */
export async function toolsForFacts(config: Config, file: string, sql: Sql): Promise<Tool[]> {
  const builtin = unconnectedTools(Object.keys(config.tools.message.destinations));
  const own = await loadOwnTools(
    file,
    builtin.map(({ name }) => name),
  );
  return [...builtin, ...own, ...(config.mcp.size === 0 ? [] : await pinnedTools(config, sql))];
}

async function pinnedTools(config: Config, sql: Sql): Promise<Tool[]> {
  const pins = await createMcpPins(sql).all();
  return [...config.mcp.values()].flatMap((server) =>
    server.tools.flatMap(({ name, remote, labels, effect }): Tool[] => {
      const pin = pins.find((each) => each.server === server.name && each.shape.name === remote);
      if (!pin || shapeHash(pin.shape) !== pin.hash) return [];
      try {
        const facts = { name, labels, effect, timeoutMs: server.timeoutMs, outputLimit: server.maxChars };
        return [defineTool({ ...offerOf(pin.shape), ...facts, run: unconnected })];
      } catch {
        return [];
      }
    }),
  );
}

const unconnected = (): never => {
  throw new Error("this tool was made for its facts alone");
};
