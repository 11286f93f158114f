/** The stand-in server over streamable HTTP. */
import { randomUUID } from "node:crypto";
import { createServer as createHttp, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createServer } from "./tools.ts";

export interface McpHttpServer {
  readonly url: string;
  /** Of every request. */
  readonly headers: IncomingHttpHeaders[];
  /** Forgets all sessions, as a restart does. */
  forget(): void;
  /** Answers every request so, instead. */
  respond?: { status: number; headers?: Record<string, string>; body?: string } | undefined;
  stop(): Promise<void>;
}

export async function startMcpHttp(port = 0): Promise<McpHttpServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const http = createHttp((request, response) => {
    server.headers.push(request.headers);
    const { respond } = server;
    if (respond) return void response.writeHead(respond.status, respond.headers).end(respond.body);
    const id = String(request.headers["mcp-session-id"] ?? "");
    const known = sessions.get(id);
    if (id !== "" && !known) return void response.writeHead(404).end();
    const transport = known ?? open();
    void transport.handleRequest(request, response);
  });
  const open = (): StreamableHTTPServerTransport => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    void createServer().connect(transport);
    return transport;
  };
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  const server: McpHttpServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    headers: [],
    forget: () => sessions.clear(),
    async stop() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
  return server;
}
