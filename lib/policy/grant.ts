/** Which tools config lets an agent call for a person in a room, before arguments, taint and budgets are looked at. */
import { keyPath } from "../config/problem.ts";
import { agentAsk } from "../config/tool-facts.ts";
import { covers } from "../config/tool-glob.ts";
import { groupsOf, mayTalk } from "./access.ts";
import type { CallFacts, Scope } from "./decide.ts";

/** The keys that grant a call together, or why nothing does. */
export type Grant = { readonly by: readonly string[] } | { readonly refused: string };

/**
 * The agent's allowlist intersected with what the person's groups grant, the room's and the job's; a deny of the agent,
 * of any of those groups or of the room wins.
 */
export function grantOf(scope: Scope, { tool, args }: CallFacts): Grant {
  const { config, agent, principal, room, narrowed } = scope;
  if (!mayTalk(config, principal, agent, room))
    return { refused: `no group of ${principal} names agents.${agent.name}` };
  const groups = groupsOf(config, principal, room);
  const here = room === undefined ? undefined : config.rooms.get(room);
  const inRoom = (key: "tools" | "deny"): string => keyPath(["rooms", room ?? "", key]);

  const denied =
    covering(`agents.${agent.name}.deny`, agent.deny, tool.name) ??
    firstOf(groups, (group) => covering(`groups.${group.name}.deny`, group.deny, tool.name)) ??
    covering(inRoom("deny"), here?.deny ?? [], tool.name);
  if (denied !== undefined) return { refused: denied };

  const own = tool.name === agentAsk ? callGrant(scope, args) : agentGrant(scope, tool.name);
  if ("refused" in own) return own;
  const byGroup = firstOf(groups, (group) => covering(`groups.${group.name}.tools`, group.tools, tool.name));
  if (byGroup === undefined) return { refused: `no group of ${principal} grants it` };
  const by = [...own.by, byGroup];
  for (const [key, globs] of [
    [inRoom("tools"), here?.tools],
    [narrowed?.key ?? "", narrowed?.tools],
  ] as const) {
    if (globs === undefined) continue;
    const grant = covering(key, globs, tool.name);
    if (grant === undefined) return { refused: `not in ${key}` };
    by.push(grant);
  }
  return { by };
}

function agentGrant({ agent }: Scope, tool: string): Grant {
  const key = `agents.${agent.name}.tools`;
  const grant = covering(key, agent.tools, tool);
  return grant === undefined ? { refused: `not in ${key}` } : { by: [grant] };
}

/** Calling an agent is granted by its name, and only to whom might talk to it themselves. */
function callGrant({ config, agent, principal, room }: Scope, args: CallFacts["args"]): Grant {
  const key = `agents.${agent.name}.calls`;
  const mayReach = (name: string): boolean => {
    const called = config.agents.get(name);
    return called !== undefined && mayTalk(config, principal, called, room);
  };
  if (args === undefined) {
    const reached = agent.calls.find(mayReach);
    return reached === undefined ? { refused: `${key} names no agent that ${principal} may talk to` } : { by: [key] };
  }
  const target = Object.hasOwn(args, "agent") ? args["agent"] : undefined;
  const called = agent.calls.find((name) => name === target);
  if (called === undefined) return { refused: `not in ${key}` };
  if (!mayReach(called)) return { refused: `no group of ${principal} names agents.${called}` };
  return { by: [`${key} "${called}"`] };
}

function covering(key: string, globs: readonly string[], tool: string): string | undefined {
  const glob = globs.find((each) => covers(each, tool));
  return glob === undefined ? undefined : `${key} "${glob}"`;
}

function firstOf<Item>(items: readonly Item[], find: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
