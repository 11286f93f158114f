/** Who may talk to which agent and which tools that gives, as `claw check` prints it. Pure. */
import type { ChannelName, Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { matrixUserId } from "../config/config.ts";
import { chainOf } from "../config/backend-chain.ts";
import { agentsFor, groupsOf } from "./access.ts";
import { decideTool } from "./grant.ts";

/** One person's access to one agent. */
export interface Access {
  readonly principal: Principal;
  readonly channel: ChannelName;
  /** The person's groups that name the agent. */
  readonly groups: readonly string[];
  readonly granted: readonly string[];
  readonly denied: readonly { readonly tool: string; readonly rule: string }[];
}

/** One agent and everyone who may talk to it, in the config's order. */
export interface AgentAccess {
  readonly agent: Agent;
  readonly people: readonly Access[];
}

/** Decides every tool for every person and agent. */
export function describeAccess(config: Config, tools: readonly string[]): AgentAccess[] {
  const people = new Set([...config.groups.values()].flatMap((group) => group.members) as Principal[]);
  return [...config.agents.values()].map((agent) => ({
    agent,
    people: [...people].flatMap((principal) => accessOf(config, agent, principal, tools)),
  }));
}

function accessOf(config: Config, agent: Agent, principal: Principal, tools: readonly string[]): Access[] {
  const channel: ChannelName = principal.startsWith("matrix:") ? "matrix" : "telegram";
  const channelExists = channel === "matrix" ? config.matrix !== undefined : config.telegram.size > 0;
  if (!channelExists || !agentsFor(config, principal, channel).includes(agent)) return [];
  const decisions = tools.map((tool) => ({ tool, ...decideTool(config, agent, principal, tool) }));
  return [
    {
      principal,
      channel,
      groups: groupsOf(config, principal)
        .filter((group) => group.agents.includes("*") || group.agents.includes(agent.name))
        .map((group) => group.name),
      granted: decisions.filter(({ decision }) => decision === "allow").map(({ tool }) => tool),
      denied: decisions.filter(({ decision }) => decision === "deny").map(({ tool, rule }) => ({ tool, rule })),
    },
  ];
}

/** The access as lines of text; `verbose` adds each denied tool with the rule that denies it. */
export const renderAccess = (config: Config, access: readonly AgentAccess[], verbose: boolean): string[] =>
  access.flatMap(({ agent, people }) => [
    `${agent.name}: ${agent.description}`,
    ...reachLines(config, agent).map((line) => `  ${line}`),
    ...peopleLines(people, verbose).map((line) => `  ${line}`),
    "",
  ]);

function reachLines(config: Config, agent: Agent): string[] {
  const lines: string[] = [];
  const user = matrixUserId(config, agent);
  if (user !== undefined && agent.matrix) {
    const { direct, rooms, answer } = agent.matrix;
    const places = [
      ...(direct ? ["direct chats"] : []),
      ...(rooms.length > 0 ? [`${rooms.join(", ")} (${answer})`] : []),
    ];
    lines.push(`Matrix    ${user}: ${places.join(", ") || "joins nothing"}`);
  }
  for (const bot of agent.telegram ? config.telegram.values() : []) {
    const role = bot.agent === agent.name ? "answers first" : `by /agent ${agent.name}`;
    const chats = bot.chats.length > 0 ? `, group chats ${bot.chats.join(", ")}` : "";
    lines.push(`Telegram  bot "${bot.name}" (${role}): private chats${chats}`);
  }
  return [
    ...lines,
    `Backend   ${chainOf(config, agent.backend)
      .map(({ name }) => name)
      .join(", then ")}`,
  ];
}

function peopleLines(people: readonly Access[], verbose: boolean): string[] {
  if (people.length === 0) return ["Nobody may talk to it."];
  const heads = ["WHO", "GROUP", "OVER", "TOOLS"];
  const rows = people.map(({ principal, groups, channel, granted }) => [
    principal,
    groups.join(", "),
    channel === "matrix" ? "Matrix" : "Telegram",
    granted.length > 0 ? granted.join(" ") : "none",
  ]);
  const widths = heads.map((head, column) => Math.max(...[heads, ...rows].map((row) => (row[column] ?? head).length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell)).join("  ");
  return [
    line(heads),
    ...rows.flatMap((row, at) => [line(row), ...(verbose ? deniedLines(people[at]?.denied ?? []) : [])]),
  ];
}

function deniedLines(denied: Access["denied"]): string[] {
  const width = Math.max(0, ...denied.map(({ tool }) => tool.length));
  return denied.map(({ tool, rule }) => `  denied ${tool.padEnd(width)}  ${rule}`);
}
