/** An MCP server over stdio that answers with what stands in the file named by WIKI_FILE. */
import { readFileSync } from "node:fs";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { lookup } from "./lookup.ts";

const server = new Server({ name: "wiki", version: "1" }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: [{ ...lookup, annotations: { readOnlyHint: true } }],
}));
server.setRequestHandler(CallToolRequestSchema, () => ({
  content: [{ type: "text", text: `Boiler: see ${readFileSync(process.env["WIKI_FILE"] ?? "", "utf8")}` }],
}));
await server.connect(new StdioServerTransport());
