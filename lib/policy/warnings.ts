import { isWildcard, splitAddress } from "../config/listen-address.ts";
import { ownSources } from "../config/check-jobs.ts";
import type { Agent, Config, Job } from "../config/config.ts";
import { leastMinutesBetween, parseCron } from "../config/cron.ts";
import { covers } from "../config/tool-glob.ts";
import { agentsFor } from "./access.ts";
import { decide } from "./decide.ts";
import { speakersOf } from "./describe.ts";
import { scopeOfJob } from "./job-scope.ts";

/**
 * What is valid but hardly meant, one sentence each; for `claw check` and the log at start. `contained`: by the image's word, which
 * listens on every interface of its container, as nothing is published from another.
 */
export const configWarnings = (
  config: Config,
  { contained = false }: { readonly contained?: boolean } = {},
): string[] => [
  ...groupWarnings(config),
  ...[...config.agents.values()].flatMap((agent) => agentWarnings(config, agent)),
  ...(contained ? [] : listenWarnings(config)),
  ...[...config.jobs.values()].flatMap((job) => [
    ...jobWarnings(job),
    ...placeWarnings(config, job),
    ...sourceWarnings(config, job),
  ]),
];

function groupWarnings(config: Config): string[] {
  const warnings: string[] = [];
  const seats = seatsOf(config);
  for (const { name, members, rooms } of config.groups.values()) {
    if (members.length === 0 && rooms.length === 0) warnings.push(`groups.${name} has no members`);
    for (const room of rooms)
      if (!seats.has(room)) warnings.push(`groups.${name} names ${room}, but no agent and no bot is listed there`);
    for (const member of members) {
      if (member.startsWith("matrix:") && !config.matrix)
        warnings.push(`groups.${name} names ${member}, but there is no [matrix]`);
      if (member.startsWith("telegram:") && config.telegram.size === 0)
        warnings.push(`groups.${name} names ${member}, but there is no [telegram.NAME]`);
    }
  }
  return warnings;
}

/** The rooms that agents and bots are in by config. */
const seatsOf = ({ agents, telegram }: Config): Set<string> =>
  new Set([
    ...[...agents.values()].flatMap(({ matrix }) => (matrix?.rooms ?? []).map((room) => `matrix:${room}`)),
    ...[...telegram.values()].flatMap(({ chats }) => chats.map((chat) => `telegram:${chat}`)),
  ]);

function agentWarnings(config: Config, agent: Agent): string[] {
  const { name, matrix } = agent;
  if (!matrix && !agent.telegram) return [`agents.${name} is on no channel: add matrix = { … } or telegram = true`];
  const warnings: string[] = [];
  if (matrix && !matrix.direct && matrix.rooms.length === 0)
    warnings.push(`agents.${name} is on Matrix but joins nothing: name rooms or set direct = true`);
  const reachable = speakersOf(config).some(({ principal, channel, room }) =>
    agentsFor(config, principal, channel, room).includes(agent),
  );
  if (!reachable)
    warnings.push(`nobody may talk to agents.${name}: name it in a group whose members share its channel`);
  return warnings;
}

/** Rooms a job speaks in without its agent being let in by config. */
const placeWarnings = ({ agents }: Config, { name, agent, deliver }: Job): string[] =>
  deliver
    .filter((place) => place.startsWith("matrix:") && !agents.get(agent)?.matrix?.rooms.includes(place.slice(7)))
    .map(
      (place) =>
        `jobs.${name} delivers to ${place}, which agents.${agent}.matrix.rooms does not list: the agent is there only as a direct chat`,
    );

/** Sources that a job is meant to read and may not: it would do without them, and nobody would be told. */
function sourceWarnings(config: Config, job: Job): string[] {
  const agent = config.agents.get(job.agent);
  if (!agent) return [];
  const meant = [...(ownSources[job.function] ?? []), ...job.sources.map(({ tool }) => tool)];
  return config.toolFacts
    .filter(({ name, service }) => meant.includes(name) && (!service || config.services[service] !== undefined))
    .filter(({ name }) => job.tools.some((glob) => covers(glob, name)))
    .flatMap((tool) => {
      const call = { tool, args: undefined, request: "", taint: [] };
      const { decision, rule } = decide(scopeOfJob(config, agent, job), call);
      return decision === "allow"
        ? []
        : [`jobs.${job.name} is to read ${tool.name} and may not (${decision}: ${rule}): it will do without`];
    });
}

function listenWarnings({ listen }: Config): string[] {
  const [host] = splitAddress(listen.private);
  return isWildcard(host) ? ["listen.private listens on every interface: publish its port on 127.0.0.1 only"] : [];
}

/** Below it, a job is hardly meant. */
const usualMinutes = 5;

function jobWarnings({ name, schedule }: Job): string[] {
  const fields = parseCron(schedule);
  const minutes = typeof fields === "string" ? usualMinutes : leastMinutesBetween(fields);
  if (minutes >= usualMinutes) return [];
  return [
    `jobs.${name} is due ${minutes === 1 ? "a minute" : `${minutes} minutes`} after it was: each time its sources are read and its model may be asked`,
  ];
}
