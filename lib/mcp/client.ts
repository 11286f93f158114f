/** One connection to a server by the SDK's client. Loaded on first use: it costs 31 MB. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CallToolResultSchema,
  EmptyResultSchema,
  ErrorCode,
  ListToolsResultSchema,
  McpError,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { McpServer } from "../config/mcp.ts";
import { ClawError, messageOf } from "../errors.ts";
import { ServerRefusal, SessionLost } from "./failures.ts";
import { httpTransport } from "./http.ts";
import { type McpResult, resultOf } from "./result.ts";
import type { Shape } from "./shape.ts";
import { StdioTransport } from "./stdio.ts";
import { cleanText } from "./text.ts";

/** What a connection tells of itself. */
export interface SessionEvents {
  /** It ended, whoever ended it; why, as far as that is known. */
  readonly onClose: (why: ClawError | undefined) => void;
  readonly onToolsChanged: () => void;
  readonly onStderr: (bytes: number) => void;
}

/** A connection that stands. */
export interface Session {
  /** All tools the server has now. */
  listTools(signal: AbortSignal): Promise<Shape[]>;
  /** Throws ServerRefusal where the server says no, and whatever else happens where it says nothing. */
  callTool(name: string, input: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<McpResult>;
  /** Rejects where the server does not answer in time. */
  ping(ms: number): Promise<void>;
  close(): Promise<void>;
}

const pagesLimit = 50;
/** Ours ends a request before: by its signal. */
const noTimeout = 86_400_000;
const goodbyeMs = 1_000;

/** Connects and greets. `signal` gives up. */
export async function openSession(
  { reach }: Pick<McpServer, "reach">,
  { onClose, onToolsChanged, onStderr }: SessionEvents,
  signal: AbortSignal,
): Promise<Session> {
  // No capabilities: a server that asks for sampling, elicitation or roots is refused by the client.
  const client = new Client({ name: "openclaw-gateway", version: "1" }, { capabilities: {} });
  let why: ClawError | undefined;
  client.onerror = (error) => {
    if (error instanceof ClawError) why ??= error;
  };
  client.onclose = () => onClose(why);
  client.setNotificationHandler(ToolListChangedNotificationSchema, onToolsChanged);
  const transport = reach.kind === "stdio" ? new StdioTransport({ reach, onStderr }) : httpTransport(reach);
  try {
    await client.connect(transport, { signal, timeout: noTimeout });
  } catch (thrown) {
    await transport.close();
    throw why ?? thrown;
  }

  // Plain requests: the client's own callTool would compile schemas of the server into code.
  return {
    async listTools(given) {
      const shapes: Shape[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < pagesLimit; page++) {
        const { tools, nextCursor } = await told(
          client.request(
            { method: "tools/list", params: cursor === undefined ? {} : { cursor } },
            ListToolsResultSchema,
            { signal: given, timeout: noTimeout },
          ),
        );
        for (const { name, description = "", inputSchema } of tools) shapes.push({ name, description, inputSchema });
        cursor = nextCursor;
        if (cursor === undefined) break;
      }
      return shapes;
    },

    async callTool(name, input, given) {
      const request = { method: "tools/call" as const, params: { name, arguments: { ...input } } };
      return resultOf(await told(client.request(request, CallToolResultSchema, { signal: given, timeout: noTimeout })));
    },

    async ping(ms) {
      await client.request({ method: "ping" }, EmptyResultSchema, { timeout: ms });
    },

    async close() {
      if (transport instanceof StdioTransport) return transport.close();
      // The server is told that the session ends, if it hears it.
      const late = setTimeout(() => void transport.close(), goodbyeMs);
      await transport.terminateSession().catch(() => undefined);
      clearTimeout(late);
      await transport.close();
    },
  };
}

/** Tells what the server said from what became of the connection. */
async function told<Value>(request: Promise<Value>): Promise<Value> {
  try {
    return await request;
  } catch (thrown) {
    if (thrown instanceof StreamableHTTPError && thrown.code === 404) throw new SessionLost("the session is gone");
    if (Array.isArray((thrown as { issues?: unknown }).issues))
      throw new ServerRefusal("the server's answer is not what the protocol says");
    const ours = new Set<number>([ErrorCode.ConnectionClosed, ErrorCode.RequestTimeout]);
    if (thrown instanceof McpError && !ours.has(thrown.code))
      throw new ServerRefusal(`the server refused it: ${cleanText(messageOf(thrown), 500)}`);
    throw thrown;
  }
}
