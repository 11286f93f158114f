/** `[mcp.NAME]`: a server of the Model Context Protocol, whose tools are a family of their own. */
import { z } from "zod";
import { count, seconds, secretRef } from "../primitives.ts";

const serverName = z
  .string()
  .regex(
    /^[a-z][a-z0-9]{0,15}$/,
    "must be lower-case letters and digits, begin with a letter, 16 at most: it is the family of the server's tools",
  );

const mcpTool = z.strictObject({
  labels: z
    .array(z.enum(["untrusted", "private", "act", "egress"]))
    .describe("What it does, besides untrusted, which its result always is. The server's own word on it is not heard."),
  effect: z
    .enum(["idempotent", "unsafe"])
    .describe("What a repeat after a crash means: harmless, or never made by itself (needs the label act or egress)."),
  name: z
    .string()
    .regex(/^[a-z0-9]+(_[a-z0-9]+)*$/, "must be lower-case letters, digits and '_'")
    .optional()
    .describe("What follows the server's name in the tool's; left out, the server's name for it in lower case."),
});

const mcpServer = z.strictObject({
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("A program and its arguments, spoken to over stdio; either this or url."),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable"),
      z.union([z.string(), ...secretRef.options], {
        error: 'must be text, { env = "NAME" }, { file = "/absolute/path" } or { credential = "NAME" }',
      }),
    )
    .default({})
    .describe("All the program's environment, besides PATH, LANG and a HOME of its own. Nothing else is passed on."),
  cwd: z
    .string()
    .startsWith("/", "must be an absolute path")
    .optional()
    .describe("The program's working directory; left out, its HOME."),
  url: z
    .string()
    .regex(/^https?:\/\/[^\s/@]+(\/[^\s]*)?$/, "must be an http:// or https:// URL, without user or password in it")
    .optional()
    .describe("Where the server is reached over streamable HTTP; either this or command."),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, "must be the name of a header"), secretRef)
    .default({})
    .describe("Sent with every request to url; each a secret, such as all that follows `Authorization: `."),
  timeout_seconds: seconds.default(60).describe("The longest one call may take."),
  max_chars: count.default(16_000).describe("Characters of a result the model is given."),
  tools: z
    .record(z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be a tool's name as the server gives it"), mcpTool)
    .default({})
    .describe("The tools agents may be given, by the server's name for them. Every other one is out of reach."),
});

/** The servers, by name. */
export const mcpSection = z.record(serverName, mcpServer).default({});
