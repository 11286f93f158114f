import type { Command } from "commander";
import type { McpServer, McpToolFacts } from "../../lib/config/mcp.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { createMcpPins, type McpPin, type McpPins } from "../../lib/ledger/mcp-pins.ts";
import { createLog } from "../../lib/log.ts";
import { Connection } from "../../lib/mcp/connection.ts";
import { lineDiff } from "../../lib/line-diff.ts";
import { isTooDeep } from "../../lib/nesting.ts";
import { offerOf, type Shape, shapeHash } from "../../lib/mcp/shape.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { asked } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** Adds `claw mcp list` and `claw mcp pin`. */
export function register(program: Command, context: CommandContext): void {
  const mcp = program
    .command("mcp")
    .summary("inspect MCP servers and pin their tools")
    .description("The servers of [mcp.*]. A tool of theirs is offered while it is what was pinned here.");
  mcp
    .command("list")
    .argument("[server]", "a name from [mcp.<name>] (default: all)")
    .description("Connects to the servers and prints which tools are pinned, changed, unpinned or gone.")
    .action((name?: string) =>
      withServers(context, name, async (servers, pins) => {
        for (const server of servers) await list(context, server, pins);
      }),
    );
  mcp
    .command("pin")
    .argument("<server>", "a name from [mcp.<name>]")
    .description("Shows what a server says its tools are, and what changed since, and pins them as they are now.")
    .option("--tool <name>", "this one alone, by the server's name for it or ours")
    .option("--yes", "without asking")
    .action((name: string, options: { tool?: string; yes?: boolean }) =>
      withServers(context, name, async ([server], pins) => {
        if (server) await pin(context, server, pins, options);
      }),
    );
}

const patienceMs = 60_000;

async function withServers(
  context: CommandContext,
  name: string | undefined,
  work: (servers: readonly McpServer[], pins: McpPins) => Promise<void>,
): Promise<void> {
  const config = await context.loadConfig();
  const all = [...config.mcp.values()];
  const servers = all.filter((server) => name === undefined || server.name === name);
  if (servers.length === 0)
    throw new ClawError(
      "config_invalid",
      all.length === 0
        ? `${config.file} has no [mcp.<name>] section`
        : `there is no mcp.${name}; ${config.file} has ${all.map((server) => server.name).join(", ")}`,
    );
  await withDatabase(config, (sql) => work(servers, createMcpPins(sql)));
}

/** What a server offers now, asked over a connection of our own, which then ends. */
async function shapesOf(server: McpServer): Promise<ReadonlyMap<string, Shape>> {
  const connection = new Connection({ server, log: createLog("silent"), clock: () => performance.now() });
  try {
    return await connection.shapes(AbortSignal.timeout(patienceMs));
  } finally {
    await connection.stop();
  }
}

async function list({ out }: CommandContext, server: McpServer, pins: McpPins): Promise<void> {
  const { name, reach, tools } = server;
  out(`${name}: ${reach.kind === "http" ? reach.url : reach.command.join(" ")}`);
  let shapes: ReadonlyMap<string, Shape> | undefined;
  try {
    shapes = await shapesOf(server);
  } catch (thrown) {
    out(`  does not answer: ${visible(reasonOf(thrown))}`);
  }
  const pinned = await pinsOf(pins, name);
  for (const tool of tools) {
    const { labels, effect } = tool;
    const state = stateOf(shapes, pinned.get(tool.remote), tool);
    out(`  ${tool.name.padEnd(32)} ${state.padEnd(9)} ${labels.join(" ")}, ${effect}`);
  }
  const others = [...(shapes?.keys() ?? [])].filter((remote) => !tools.some((tool) => tool.remote === remote));
  if (others.length > 0) out(`  not in [mcp.${name}.tools]: ${others.map(visible).join(", ")}`);
}

const reasonOf = (thrown: unknown): string =>
  messageOf(thrown) + (thrown instanceof ClawError && thrown.cause ? ` (${messageOf(thrown.cause)})` : "");

const pinsOf = async (pins: McpPins, server: string): Promise<ReadonlyMap<string, McpPin>> =>
  new Map((await pins.all()).filter((each) => each.server === server).map((each) => [each.shape.name, each]));

function stateOf(
  shapes: ReadonlyMap<string, Shape> | undefined,
  pinned: McpPin | undefined,
  { remote }: McpToolFacts,
): string {
  const shape = shapes?.get(remote);
  if (shapes && !shape) return "gone";
  if (!pinned) return "unpinned";
  if (!shape) return "pinned";
  return shapeHash(shape) === pinned.hash ? "pinned" : "CHANGED";
}

async function pin(
  context: CommandContext,
  server: McpServer,
  pins: McpPins,
  { tool: wanted, yes = false }: { tool?: string; yes?: boolean },
): Promise<void> {
  const { out } = context;
  const tools = server.tools.filter(({ name, remote }) => wanted === undefined || wanted === name || wanted === remote);
  if (tools.length === 0)
    throw new ClawError(
      "bad_request",
      `no tool ${wanted === undefined ? "" : `"${wanted}" `}is in [mcp.${server.name}.tools]: add it with its labels and effect first`,
    );
  const [shapes, pinned] = [await shapesOf(server), await pinsOf(pins, server.name)];
  const failures: string[] = [];
  for (const tool of tools) {
    const shape = shapes.get(tool.remote);
    const old = pinned.get(tool.remote);
    if (!shape) failures.push(`${tool.name}: the server has no "${tool.remote}"`);
    else if (old?.hash === shapeHash(shape)) out(`${tool.name}: pinned already, and unchanged`);
    else {
      for (const line of described(tool, shape, old)) out(line);
      const reason = unusable(shape);
      if (reason !== undefined) failures.push(`${tool.name}: ${reason}`);
      else if (yes || (await asked(`Pin ${tool.name} as it is shown?`))) {
        await pins.put({ server: server.name, hash: shapeHash(shape), shape });
        out(`pinned: ${tool.name}`);
      }
    }
  }
  if (failures.length > 0) throw new ClawError("bad_request", `not pinned: ${failures.join("; ")}`);
}

/** All that the server says of a tool, and what we say of it; where it was pinned before, with what changed. */
function described({ name, labels, effect }: McpToolFacts, shape: Shape, old: McpPin | undefined): string[] {
  const now = linesOf(shape);
  const lines = old ? lineDiff(linesOf(old.shape), now) : now.map((line) => `  ${line}`);
  return [
    `${name} (${labels.join(" ")}, ${effect}): ${old ? "it CHANGED since it was pinned" : "not pinned yet"}`,
    ...lines.map((line) => `  ${line}`),
  ];
}

/** With every character that nobody sees written out. */
const linesOf = ({ description, inputSchema }: Shape): string[] =>
  `${description}\n${isTooDeep(inputSchema) ? "(nested too deeply to be shown)" : JSON.stringify(inputSchema, null, 2)}`
    .split("\n")
    .map(visible);

function unusable(shape: Shape): string | undefined {
  try {
    offerOf(shape);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
