/** What a test of an MCP server needs around it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { McpServer, McpToolFacts } from "../../../lib/config/mcp.ts";
import { createLog } from "../../../lib/log.ts";
import { Connection, type PinnedTool } from "../../../lib/mcp/connection.ts";
import { shapeHash } from "../../../lib/mcp/shape.ts";

/** The stand-in server as a program. */
export const program = join(import.meta.dirname, "stdio-server.ts");

/** The stand-in server's settings, with tools of these names, each `private`. */
export const stdioServer = (
  env: Record<string, string> = {},
  tools: readonly string[] = [],
  more: Partial<McpServer> = {},
): McpServer => ({
  name: "demo",
  timeoutMs: 10_000,
  maxChars: 16_000,
  tools: tools.map((remote): McpToolFacts => ({
    name: `demo_${remote}`,
    remote,
    labels: ["untrusted", "private"],
    effect: "idempotent",
  })),
  reach: {
    kind: "stdio",
    command: [process.execPath, program],
    env: new Map(Object.entries({ PATH: "/usr/bin:/bin", LANG: "C.UTF-8", ...env })),
    cwd: undefined,
  },
  ...more,
});

/** A connection that the test ends, with what it logged and a clock that only the test moves. */
export function connectionTo(t: TestContext, server: McpServer, connectMs?: number) {
  let lines = "";
  const clock = { now: 0 };
  const log = createLog("debug", { write: (line) => void (lines += line) });
  const connection = new Connection({ server, log, clock: () => clock.now, ...(connectMs && { connectMs }) });
  t.after(() => connection.stop());
  const signal = new AbortController().signal;
  /** The tool as it is now: as if it were just pinned. */
  const pinned = async (remote: string, effect: PinnedTool["effect"] = "idempotent"): Promise<PinnedTool> => {
    const shape = (await connection.shapes(signal)).get(remote);
    if (!shape) throw new Error(`no tool ${remote}`);
    return { remote, hash: shapeHash(shape), effect };
  };
  const call = async (remote: string, input: Record<string, unknown> = {}, given = signal) =>
    connection.call(await pinned(remote), input, given);
  return { connection, clock, log: () => lines, pinned, call, signal };
}

/** A folder of the test's own. */
export function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-mcp-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file of tools the server lists, to be rewritten while it runs. */
export function shapesFile(
  t: TestContext,
  tools: readonly object[],
): { readonly file: string; readonly write: (tools: readonly object[]) => void } {
  const file = join(folder(t), "shapes.json");
  const write = (given: readonly object[]): void => writeFileSync(file, JSON.stringify(given));
  write(tools);
  return { file, write };
}

/** The process ids a server's starts left in its file. */
export const startsIn = (file: string): number[] =>
  readFileSync(file, "utf8").trim().split("\n").filter(Boolean).map(Number);

/** Whether a process is there, and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
