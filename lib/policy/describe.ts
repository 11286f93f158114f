/** Who may talk to which agent and which tools that gives, as `claw check` prints it. Pure. */
import type { ChannelName, Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { matrixUserId } from "../config/config.ts";
import { chainOf } from "../config/backend-chain.ts";
import { agentsFor, groupsThatName, type Room } from "./access.ts";
import { alignedLines } from "./aligned-lines.ts";
import { decide, type Decision, type Scope } from "./decide.ts";
import { scopeOfJob } from "./job-scope.ts";

/** One person's access to one agent, or that of everybody in a room. */
export interface Access {
  readonly who: string;
  readonly channel: ChannelName;
  /** The groups that name the agent. */
  readonly groups: readonly string[];
  readonly granted: readonly string[];
  /** Granted with an approver's yes to each call. */
  readonly asked: readonly string[];
  readonly denied: readonly { readonly tool: string; readonly rule: string }[];
}

/** One agent and everyone who may talk to it, in the config's order. */
export interface AgentAccess {
  readonly agent: Agent;
  readonly people: readonly Access[];
}

/** Everyone config lets speak: each person, wherever they are, and whoever speaks in a room of a group. */
export interface Speaker {
  readonly who: string;
  readonly principal: Principal;
  readonly channel: ChannelName;
  readonly room: Room;
}

/** In the config's order, people first. */
export function speakersOf(config: Config): Speaker[] {
  const groups = [...config.groups.values()];
  const people = [...new Set(groups.flatMap((group) => group.members) as Principal[])];
  const rooms = [...new Set(groups.flatMap((group) => group.rooms))];
  return [
    ...people.map((principal) => ({ who: principal, principal, channel: channelOf(principal), room: undefined })),
    ...rooms.map((room): Speaker => {
      const channel = channelOf(room);
      // No group lists anybody of this name.
      return { who: `all in ${room}`, principal: `${channel}:anybody`, channel, room };
    }),
  ];
}

const channelOf = (id: string): ChannelName => (id.startsWith("matrix:") ? "matrix" : "telegram");

/** Decides every tool for every person and agent, in a run that nothing has tainted. */
export const describeAccess = (config: Config): AgentAccess[] =>
  [...config.agents.values()].map((agent) => ({
    agent,
    people: speakersOf(config).flatMap((speaker) => accessOf(config, agent, speaker)),
  }));

function accessOf(config: Config, agent: Agent, { who, principal, channel, room }: Speaker): Access[] {
  const channelExists = channel === "matrix" ? config.matrix !== undefined : config.telegram.size > 0;
  if (!channelExists || !agentsFor(config, principal, channel, room).includes(agent)) return [];
  const scope: Scope = { config, agent, principal, room, trigger: "chat" };
  const decisions = config.toolFacts.map((tool) => ({
    tool: tool.name,
    ...decide(scope, { tool, args: undefined, request: "", taint: [] }),
  }));
  const named = (wanted: Decision["decision"]): string[] =>
    decisions.filter(({ decision }) => decision === wanted).map(({ tool }) => tool);
  return [
    {
      who,
      channel,
      groups: groupsThatName(config, principal, agent, room).map(({ name }) => name),
      granted: named("allow"),
      asked: named("ask"),
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
    ...jobLines(config, agent).map((line) => `  ${line}`),
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
  const rows = people.map(({ who, groups, channel, granted, asked }) => [
    who,
    groups.join(", "),
    channel === "matrix" ? "Matrix" : "Telegram",
    [...granted, ...asked.map((tool) => `${tool} (asks)`)].join(" ") || "none",
  ]);
  const [head = "", ...lines] = alignedLines([heads, ...rows]);
  return [head, ...lines.flatMap((line, at) => [line, ...(verbose ? deniedLines(people[at]?.denied ?? []) : [])])];
}

/** What the agent's jobs may call, by when they run and where they speak. */
function jobLines(config: Config, agent: Agent): string[] {
  const jobs = [...config.jobs.values()].filter((job) => job.agent === agent.name);
  if (jobs.length === 0) return [];
  const rows = jobs.map((job) => {
    const scope = scopeOfJob(config, agent, job);
    const tools = config.toolFacts.flatMap((tool) => {
      const { decision } = decide(scope, { tool, args: undefined, request: "", taint: [] });
      return decision === "deny" ? [] : [decision === "ask" ? `${tool.name} (asks)` : tool.name];
    });
    return [job.name, `${job.schedule} (${job.timezone})`, job.deliver.join(" "), tools.join(" ") || "none"];
  });
  return alignedLines([["JOB", "SCHEDULE", "TO", "TOOLS"], ...rows]);
}

function deniedLines(denied: Access["denied"]): string[] {
  const width = Math.max(0, ...denied.map(({ tool }) => tool.length));
  return denied.map(({ tool, rule }) => `  denied ${tool.padEnd(width)}  ${rule}`);
}
