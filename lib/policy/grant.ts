/** Which tools config lets an agent call for a person in a room, before arguments, taint and budgets are looked at. */
import { keyPath } from "../config/problem.ts";
import { agentAsk } from "../config/tool-facts.ts";
import { covers } from "../config/tool-glob.ts";
import { groupsOf, mayTalk } from "./access.ts";
import type { CallFacts, JobScope, Scope } from "./decide.ts";

/** The keys that grant a call together, or why nothing does. */
export type Grant = { readonly by: readonly string[] } | { readonly refused: string };

/**
 * The agent's allowlist intersected with what the person's groups grant, or the job's list in a job, and with the room's; a
 * deny of the agent, of any of those groups or of the room wins. What reaches a service that is not set up is never granted.
 */
export function grantOf(scope: Scope, { tool, args }: CallFacts): Grant {
  const { config, agent, principal, room, job } = scope;
  if (tool.service !== undefined && config.services[tool.service] === undefined)
    return { refused: `tools.${tool.service} is not set up` };
  if (job) return jobGrant(scope, job, { tool, args });
  if (!mayTalk(config, principal, agent, room))
    return { refused: `no group of ${principal} names agents.${agent.name}` };
  const groups = groupsOf(config, principal, room);
  const denied =
    covering(`agents.${agent.name}.deny`, agent.deny, tool.name) ??
    firstOf(groups, (group) => covering(`groups.${group.name}.deny`, group.deny, tool.name)) ??
    roomDenial(scope, room, tool.name);
  if (denied !== undefined) return { refused: denied };

  const own = tool.name === agentAsk ? callGrant(scope, args) : agentGrant(scope, tool.name);
  if ("refused" in own) return own;
  const byGroup = firstOf(groups, (group) => covering(`groups.${group.name}.tools`, group.tools, tool.name));
  if (byGroup === undefined) return { refused: `no group of ${principal} grants it` };
  const here = roomGrant(scope, room, tool.name);
  return "refused" in here ? here : { by: [...own.by, byGroup, ...here.by] };
}

/** What an agent may do in a job: its own list and the job's, less what is denied to it or in any room the job speaks in. */
function jobGrant(scope: Scope, job: JobScope, { tool, args }: Pick<CallFacts, "tool" | "args">): Grant {
  const { agent } = scope;
  const denied =
    covering(`agents.${agent.name}.deny`, agent.deny, tool.name) ??
    firstOf(job.rooms, (room) => roomDenial(scope, room, tool.name));
  if (denied !== undefined) return { refused: denied };
  const own = tool.name === agentAsk ? callGrant(scope, args) : agentGrant(scope, tool.name);
  if ("refused" in own) return own;
  const key = `jobs.${job.name}.tools`;
  const byJob = covering(key, job.tools, tool.name);
  if (byJob === undefined) return { refused: `not in ${key}` };
  const by = [...own.by, byJob];
  for (const room of job.rooms) {
    const here = roomGrant(scope, room, tool.name);
    if ("refused" in here) return here;
    by.push(...here.by);
  }
  return { by };
}

const roomKey = (room: string | undefined, key: "tools" | "deny"): string => keyPath(["rooms", room ?? "", key]);

const roomDenial = ({ config }: Scope, room: string | undefined, tool: string): string | undefined =>
  covering(roomKey(room, "deny"), config.rooms.get(room ?? "")?.deny ?? [], tool);

/** What a room narrows to, if it does. */
function roomGrant({ config }: Scope, room: string | undefined, tool: string): Grant {
  const globs = config.rooms.get(room ?? "")?.tools;
  if (globs === undefined) return { by: [] };
  const grant = covering(roomKey(room, "tools"), globs, tool);
  return grant === undefined ? { refused: `not in ${roomKey(room, "tools")}` } : { by: [grant] };
}

function agentGrant({ agent }: Scope, tool: string): Grant {
  const key = `agents.${agent.name}.tools`;
  const grant = covering(key, agent.tools, tool);
  return grant === undefined ? { refused: `not in ${key}` } : { by: [grant] };
}

/** Calling an agent is granted by its name, and only to whom might talk to it themselves. */
function callGrant({ config, agent, principal, room, job }: Scope, args: CallFacts["args"]): Grant {
  const key = `agents.${agent.name}.calls`;
  const mayReach = (name: string): boolean => {
    const called = config.agents.get(name);
    // Nobody asks in a job: its agent's `calls` and its own list say it all.
    return called !== undefined && (job !== undefined || mayTalk(config, principal, called, room));
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
