/** The stand-in server as a program. SHAPES: a file of tools; STARTS: a file that gets a line at each start. */
import { appendFileSync } from "node:fs";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { createServer } from "./tools.ts";

const { SHAPES, STARTS } = process.env;
if (STARTS !== undefined) appendFileSync(STARTS, `${process.pid}\n`);
await createServer(SHAPES).connect(new StdioServerTransport());
