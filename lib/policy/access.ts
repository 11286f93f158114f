/** Who may talk to which agent. Pure; principals are compared whole, byte for byte. */
import type { ChannelName, Principal } from "../channel/types.ts";
import type { Agent, Config, Group } from "../config/config.ts";

/** The groups a principal is a member of. */
export const groupsOf = (config: Config, principal: Principal): Group[] =>
  [...config.groups.values()].filter((group) => group.members.includes(principal));

/** Whether what the person writes may be acted on: their words taint nothing. */
export const isTrusted = (config: Config, principal: Principal): boolean => groupsOf(config, principal).length > 0;

/** Whether the principal may approve calls of the agent: a member, by full id, of an approver group that names it. */
export const mayApprove = (config: Config, principal: Principal, agent: string): boolean =>
  groupsOf(config, principal).some(
    (group) => group.approve && (group.agents.includes("*") || group.agents.includes(agent)),
  );

/** Whether the principal may approve anything at all. */
export const isApprover = (config: Config, principal: Principal): boolean =>
  groupsOf(config, principal).some((group) => group.approve);

/** Whether any of the principal's groups names the agent. */
export const mayTalk = (config: Config, principal: Principal, agent: Agent): boolean =>
  groupsOf(config, principal).some((group) => group.agents.includes("*") || group.agents.includes(agent.name));

const reachable = (agent: Agent, channel: ChannelName): boolean =>
  channel === "matrix" ? agent.matrix !== undefined : agent.telegram;

/** The agents a principal may talk to on a channel, in the config's order. Empty: a stranger. */
export const agentsFor = (config: Config, principal: Principal, channel: ChannelName): Agent[] =>
  [...config.agents.values()].filter((agent) => reachable(agent, channel) && mayTalk(config, principal, agent));
