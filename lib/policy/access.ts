/** Who may talk to which agent, and approve its calls. Pure; principals and rooms are compared whole, byte for byte. */
import type { ChannelName, Principal } from "../channel/types.ts";
import type { Agent, Config, Group } from "../config/config.ts";

/** Where somebody speaks, by `roomOf`; undefined where there is no room. */
export type Room = string | undefined;

const hasMember = (group: Group, principal: Principal): boolean => group.members.includes(principal);

const namesAgent = (group: Group, agent: string): boolean => group.agents.includes("*") || group.agents.includes(agent);

/** The groups of a person in a room: those that list them, and there also those that list the room. */
export const groupsOf = (config: Config, principal: Principal, room: Room): Group[] =>
  [...config.groups.values()].filter(
    (group) => hasMember(group, principal) || (room !== undefined && group.rooms.includes(room)),
  );

/** Whether what the person writes may be acted on: their words taint nothing. Never by the room they write in. */
export const isTrusted = (config: Config, principal: Principal): boolean =>
  [...config.groups.values()].some((group) => group.trusted && hasMember(group, principal));

/** Whether the principal may approve calls of the agent: a member, by full id, of an approver group that names it. */
export const mayApprove = (config: Config, principal: Principal, agent: string): boolean =>
  [...config.groups.values()].some((group) => group.approve && hasMember(group, principal) && namesAgent(group, agent));

/** Whether there is anybody who may approve calls of the agent. */
export const hasApprover = (config: Config, agent: string): boolean =>
  [...config.groups.values()].some((group) => group.approve && group.members.length > 0 && namesAgent(group, agent));

/** The groups that let the principal talk to the agent in a room. */
export const groupsThatName = (config: Config, principal: Principal, agent: Agent, room: Room): Group[] =>
  groupsOf(config, principal, room).filter((group) => namesAgent(group, agent.name));

/** Whether the principal may approve anything at all. */
export const isApprover = (config: Config, principal: Principal): boolean =>
  [...config.groups.values()].some((group) => group.approve && hasMember(group, principal));

/** Whether any of the principal's groups names the agent. */
export const mayTalk = (config: Config, principal: Principal, agent: Agent, room: Room): boolean =>
  groupsThatName(config, principal, agent, room).length > 0;

const reachable = (agent: Agent, channel: ChannelName): boolean =>
  channel === "matrix" ? agent.matrix !== undefined : agent.telegram;

/** The agents a principal may talk to in a room of a channel, in the config's order. Empty: a stranger. */
export const agentsFor = (config: Config, principal: Principal, channel: ChannelName, room: Room): Agent[] =>
  [...config.agents.values()].filter((agent) => reachable(agent, channel) && mayTalk(config, principal, agent, room));
