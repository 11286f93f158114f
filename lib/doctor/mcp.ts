/** Each MCP server: whether it comes up, and whether its tools are what was agreed to. */
import type { McpServer } from "../config/mcp.ts";
import { ClawError, messageOf } from "../errors.ts";
import { createMcpPins } from "../ledger/mcp-pins.ts";
import { createLog } from "../log.ts";
import { Connection } from "../mcp/connection.ts";
import { shapeHash } from "../mcp/shape.ts";
import { type Check, counted, fail, type Finding, ok, since, warn } from "./check.ts";
import type { Ground } from "./ground.ts";

/** A program may have to be fetched at its first start. */
const seconds = 30;

export const mcpChecks = (ground: Ground): Check[] =>
  [...ground.config.mcp.values()].map((server) => ({
    name: `sources.mcp.${server.name}`,
    seconds,
    look: (signal) => lookAt(ground, server, signal),
  }));

async function lookAt({ tables }: Ground, server: McpServer, signal: AbortSignal): Promise<Finding> {
  const { name, tools } = server;
  const began = performance.now();
  const connection = new Connection({ server, log: createLog("silent"), clock: () => performance.now() });
  try {
    const shapes = await connection.shapes(signal);
    const saw = `${counted(shapes.size, "tool")}, in ${since(began)}`;
    const pins = (await createMcpPins(await tables.lean(signal)).all()).filter((pin) => pin.server === name);
    const states = tools.map((tool) => {
      const [shape, pin] = [shapes.get(tool.remote), pins.find((each) => each.shape.name === tool.remote)];
      if (!shape) return `${tool.name} is gone`;
      if (!pin) return `${tool.name} is not pinned`;
      return shapeHash(shape) === pin.hash ? "" : `${tool.name} has changed since it was pinned`;
    });
    const wrong = states.filter((state) => state !== "");
    if (wrong.length === 0) return ok(`${saw}; ${tools.length} as pinned`);
    return warn(`${wrong.join(", ")}: not offered to any agent`, `claw mcp pin ${name}`);
  } catch (thrown) {
    if (!(thrown instanceof ClawError) || thrown.code !== "environment") throw thrown;
    const why = thrown.cause === undefined ? "" : ` (${messageOf(thrown.cause)})`;
    return fail(`does not come up${why}`, remedies[server.reach.kind](name));
  } finally {
    await connection.stop();
  }
}

const remedies = {
  stdio: (name: string) => `run the command of mcp.${name} by hand; it is given nothing but its env and PATH`,
  http: (name: string) => `is the server running, and are mcp.${name}.url and its headers right?`,
};
