import type { ToolHost } from "../agent/tool-call.ts";
import type { Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { decideTool } from "../policy/grant.ts";
import type { ToolContext } from "../tools/define.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/** The tools of one run: what there is, the policy's word on each call, and what a call may know. */
export function createToolHost(
  registry: ToolRegistry,
  config: Config,
  scope: {
    readonly agent: Agent;
    readonly principal: Principal;
    readonly runId: string;
    readonly conversationId: string;
    readonly shared: boolean;
    readonly sendFile: ToolContext["sendFile"];
  },
): ToolHost {
  const { agent, principal, runId, conversationId, shared, sendFile } = scope;
  return {
    find: (name) => registry.get(name),
    decide: (name) =>
      registry.get(name)
        ? decideTool(config, agent, principal, name)
        : { decision: "deny", rule: "no tool has this name" },
    context: (callSeq, signal) => ({
      principal,
      agent: agent.name,
      conversationId,
      shared,
      timezone: config.timezone,
      now: () => new Date(),
      callKey: `${runId}:${callSeq}`,
      signal,
      sendFile,
    }),
  };
}
