/** agent_ask: another agent's answer, within what both may do. Which agents may be asked is for policy to say. */
import { z } from "zod";
import { agentAsk } from "../config/tool-facts.ts";
import { defineTool } from "./define.ts";

/** The tool. What the other agent does is decided call by call, so asking it is neither an act nor egress by itself. */
export const agentTool = defineTool({
  name: agentAsk,
  description: "Asks another agent, which has tools of its own, and returns its answer. It sees only your request.",
  input: z.strictObject({
    agent: z.string().min(1).max(32).describe("The agent's name"),
    request: z.string().trim().min(1).max(8_000).describe("All that it needs to know, in full sentences"),
  }),
  labels: ["private"],
  // The other agent's run is found again by the call's key, and goes on from its journal.
  effect: "idempotent",
  // The other agent's own limits end it long before.
  timeoutMs: 3_600_000,
  outputLimit: 16_000,
  run: async ({ agent, request }, { askAgent, callKey }) => askAgent({ agent, request, callKey }),
});
