import type { Tool, ToolContext } from "../../../lib/tools/define.ts";
import { runGranted } from "../../support/granted.ts";

export const ada = "telegram:1";

/** What a tool is given in a test. */
export const testContext = (more: Partial<ToolContext> = {}): ToolContext => ({
  principal: ada,
  agent: "ops",
  conversationId: "conversation-1",
  shared: false,
  timezone: "Europe/Berlin",
  now: () => new Date("2026-03-29T00:59:00Z"),
  callKey: "run-1:call-1",
  signal: new AbortController().signal,
  taint: [],
  addTaint: () => {},
  sendFile: async () => {},
  askAgent: () => Promise.reject(new Error("nobody to ask")),
  sendMessage: async () => {},
  ...more,
});

/** Runs a tool as the loop does: with its input checked. Throws where the input is refused. */
export const call = (tool: Tool | undefined, input: object, more: Partial<ToolContext> = {}): Promise<string> => {
  if (!tool) throw new Error("no such tool");
  return runGranted(tool, input, testContext(more));
};
