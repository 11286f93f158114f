/** An MCP server over stdio: its tool is WIKI_TOOL (JSON), which answers with what stands in the file WIKI_FILE. */
import { readFileSync } from "node:fs";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from "@modelcontextprotocol/sdk/types.js";

const tool = { ...(JSON.parse(process.env["WIKI_TOOL"] ?? "{}") as Tool), annotations: { readOnlyHint: true } };
const server = new Server({ name: "wiki", version: "1" }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [tool] }));
server.setRequestHandler(CallToolRequestSchema, () => ({
  content: [{ type: "text", text: `Boiler: see ${readFileSync(process.env["WIKI_FILE"] ?? "", "utf8")}` }],
}));
await server.connect(new StdioServerTransport());
