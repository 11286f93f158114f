/** The tools of MCP servers: what was pinned, offered while it holds. */
import type { Config } from "../config/config.ts";
import type { McpServer, McpToolFacts } from "../config/mcp.ts";
import { ClawError, messageOf } from "../errors.ts";
import type { McpPin, McpPins } from "../ledger/mcp-pins.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { defineTool, type Tool } from "../tools/define.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { Connection } from "./connection.ts";
import { ToolChanged } from "./failures.ts";
import { type Offer, offerOf, shapeHash } from "./shape.ts";

export interface McpServersOptions {
  readonly config: () => Config;
  readonly pins: McpPins;
  readonly registry: ToolRegistry;
  readonly metrics: Pick<Metrics, "mcpRefused">;
  readonly log: Log;
  readonly clock?: () => number;
}

/** The servers of the config in force. */
export interface McpServers {
  /** Brings registry and connections in line with config and pins; no server is asked for it. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/** Offers the pinned tools, and again whenever something is pinned. Connects to a server when a tool of it is first called. */
export async function startMcpServers(options: McpServersOptions): Promise<McpServers> {
  const { config, pins, registry, metrics, log, clock = () => performance.now() } = options;
  const connections = new Map<string, { readonly reach: string; readonly connection: Connection }>();
  let offered: readonly Tool[] = [];
  let last: Promise<void> = Promise.resolve();
  let stopped = false;

  const refuse = (server: string, reason: "unpinned" | "changed" | "unusable", fields: object): void => {
    metrics.mcpRefused.inc({ server, reason });
    log.warn({ server, ...fields, fix: `claw mcp pin ${server}` }, `a tool of an MCP server is ${reason}: not offered`);
  };

  /** Of a server as the config in force has it: a run that began with another one does not start what is gone. */
  const connectionOf = (server: McpServer): Connection => {
    const now = config().mcp.get(server.name);
    if (stopped || !now || reachOf(now) !== reachOf(server))
      throw new ClawError("environment", `The MCP server "${server.name}" is not there any more; nothing was done.`);
    const known = connections.get(server.name);
    if (known) return known.connection;
    const connection = new Connection({ server, log, clock });
    connections.set(server.name, { reach: reachOf(server), connection });
    return connection;
  };

  const toolOf = (server: McpServer, facts: McpToolFacts, { hash }: McpPin, offer: Offer): Tool => {
    const { name, remote, labels, effect } = facts;
    const tool: Tool = defineTool({
      ...offer,
      name,
      labels,
      effect,
      timeoutMs: server.timeoutMs,
      outputLimit: server.maxChars,
      async run(input, { signal }) {
        try {
          const { text, isError } = await connectionOf(server).call({ remote, hash, effect }, input, signal);
          if (!isError) return text;
          throw new ClawError("bad_request", `${name} reports an error:\n${text.slice(0, server.maxChars)}`);
        } catch (thrown) {
          if (thrown instanceof ToolChanged && offered.includes(tool)) {
            refuse(server.name, "changed", { tool: name });
            put(offered.filter((other) => other !== tool));
          }
          throw thrown;
        }
      },
    });
    return tool;
  };

  const put = (tools: readonly Tool[]): void => {
    offered = tools;
    registry.replacePassing(tools);
  };

  const refresh = async (): Promise<void> => {
    const { mcp } = config();
    const outdated = [...connections].filter(([name, { reach }]) => {
      const server = mcp.get(name);
      return !server || reachOf(server) !== reach;
    });
    for (const [name] of outdated) connections.delete(name);
    const pinned = mcp.size === 0 ? [] : await pins.all();
    put(
      [...mcp.values()].flatMap((server) =>
        server.tools.flatMap((facts): Tool[] => {
          const pin = pinned.find((each) => each.server === server.name && each.shape.name === facts.remote);
          if (!pin || shapeHash(pin.shape) !== pin.hash) {
            refuse(server.name, "unpinned", { tool: facts.name });
            return [];
          }
          try {
            return [toolOf(server, facts, pin, offerOf(pin.shape))];
          } catch (thrown) {
            refuse(server.name, "unusable", { tool: facts.name, why: messageOf(thrown) });
            return [];
          }
        }),
      ),
    );
    await Promise.all(outdated.map(([, { connection }]) => connection.stop()));
  };

  const inTurn = (): Promise<void> => (last = last.catch(() => undefined).then(refresh));
  await inTurn();
  const listening = await pins.listen(() => {
    inTurn().catch((err: unknown) => log.error({ err }, "the pins of MCP servers could not be read"));
  });
  return {
    refresh: inTurn,
    async stop() {
      stopped = true;
      await listening.unlisten();
      await last.catch(() => undefined);
      await Promise.all([...connections.values()].map(({ connection }) => connection.stop()));
    },
  };
}

/** How a server is reached, secrets and all, to be compared in memory. */
const reachOf = ({ reach }: McpServer): string => {
  const plain = (table: ReadonlyMap<string, string | { reveal(): string }>): [string, string][] =>
    [...table].map(([name, value]) => [name, typeof value === "string" ? value : value.reveal()]);
  return reach.kind === "http"
    ? JSON.stringify([reach.url, plain(reach.headers)])
    : JSON.stringify([reach.command, reach.cwd, plain(reach.env)]);
};
