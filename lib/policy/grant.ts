/** Which tools an agent may call for a person. Pure. */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { covers } from "../config/tool-glob.ts";
import { groupsOf, mayTalk } from "./access.ts";

const anyCovers = (globs: readonly string[], tool: string): string | undefined =>
  globs.find((glob) => covers(glob, tool));

/** A decision with the rule that made it, as the journal keeps both. */
export interface Decision {
  readonly decision: "allow" | "deny";
  /** The config key that decided, such as `agents.ops.tools "alerts_*" & groups.owners.tools "*"`. */
  readonly rule: string;
}

/**
 * Decides one tool for one person: the agent's allowlist intersected with what the person's groups grant; a deny of
 * the agent or of any of those groups wins; what nothing grants is denied.
 */
export function decideTool(config: Config, agent: Agent, principal: Principal, tool: string): Decision {
  const deny = (rule: string): Decision => ({ decision: "deny", rule });
  if (!mayTalk(config, principal, agent)) return deny(`no group of ${principal} names agents.${agent.name}`);
  const agentDeny = anyCovers(agent.deny, tool);
  if (agentDeny !== undefined) return deny(`agents.${agent.name}.deny "${agentDeny}"`);
  const groups = groupsOf(config, principal);
  for (const group of groups) {
    const groupDeny = anyCovers(group.deny, tool);
    if (groupDeny !== undefined) return deny(`groups.${group.name}.deny "${groupDeny}"`);
  }
  const agentGrant = anyCovers(agent.tools, tool);
  if (agentGrant === undefined) return deny(`not in agents.${agent.name}.tools`);
  for (const group of groups) {
    const groupGrant = anyCovers(group.tools, tool);
    if (groupGrant !== undefined)
      return {
        decision: "allow",
        rule: `agents.${agent.name}.tools "${agentGrant}" & groups.${group.name}.tools "${groupGrant}"`,
      };
  }
  return deny(`no group of ${principal} grants it`);
}

/** The tools, of those there are, that the agent is offered for this person. */
export const grantedTools = (
  config: Config,
  agent: Agent,
  principal: Principal,
  tools: readonly string[],
): Set<string> => new Set(tools.filter((tool) => decideTool(config, agent, principal, tool).decision === "allow"));
