/** What groups, rooms and agents say about each other and about tools: the static half of the policy. */
import type { Label } from "../tools/define.ts";
import { type Draft, itemsOf, namesOf, sectionOf } from "./draft.ts";
import { suggest } from "./nearest.ts";
import { keyPath, type Problems } from "./problem.ts";
import { agentAsk, type ToolFacts } from "./tool-facts.ts";
import { covers } from "./tool-glob.ts";

type DraftAgent = NonNullable<NonNullable<Draft["agents"]>[string]>;

/** Adds a problem for everything that could not decide as it is meant to. */
export function checkPolicy(draft: Draft, tools: readonly ToolFacts[], problems: Problems): void {
  checkGroups(draft, tools, problems);
  checkRooms(draft, tools, problems);
  for (const [name, agent] of sectionOf(draft, "agents")) {
    const at = `agents.${name}`;
    checkGlobs(`${at}.tools`, agent.tools, tools, problems);
    checkGlobs(`${at}.deny`, agent.deny, tools, problems);
    checkGlobs(`${at}.ask`, agent.ask, tools, problems);
    checkCalls(draft, name, agent, problems);
    checkArguments(at, agent, tools, problems);
    if (!hasApprover(draft, name)) checkUnanswered(name, agent, problems);
    const grantable = tools.filter((tool) => mayBeGranted(draft, agent, tool.name));
    checkLegs(draft, name, agent, grantable, problems);
    checkEgress(at, agent, grantable, problems);
  }
}

function checkGroups(draft: Draft, tools: readonly ToolFacts[], problems: Problems): void {
  const agents = namesOf(draft.agents);
  for (const [name, group] of sectionOf(draft, "groups")) {
    for (const [at, agent] of itemsOf(group.agents))
      if (agent !== "*" && !agents.includes(agent))
        problems.add(`groups.${name}.agents[${at}]`, `no agent is named "${agent}"`, suggest(agent, "Agents", agents));
    checkGlobs(`groups.${name}.tools`, group.tools, tools, problems);
    checkGlobs(`groups.${name}.deny`, group.deny, tools, problems);
    if (group.approve !== true) continue;
    const key = `groups.${name}.approve`;
    if (itemsOf(group.rooms).length > 0)
      problems.add(key, "would let whoever is in its rooms approve", "name the approvers in a group without rooms");
    else if (group.members?.length === 0)
      problems.add(key, "has nobody who could approve", `name people, by full id, in groups.${name}.members`);
  }
}

function checkRooms(draft: Draft, tools: readonly ToolFacts[], problems: Problems): void {
  for (const [name, room] of sectionOf(draft, "rooms")) {
    checkGlobs(keyPath(["rooms", name, "tools"]), room.tools, tools, problems);
    checkGlobs(keyPath(["rooms", name, "deny"]), room.deny, tools, problems);
  }
}

function checkGlobs(
  key: string,
  globs: readonly (string | undefined)[] | undefined,
  tools: readonly ToolFacts[],
  problems: Problems,
): void {
  for (const [at, glob] of itemsOf(globs)) checkGlob(`${key}[${at}]`, glob, tools, problems);
}

function checkGlob(key: string, glob: string, tools: readonly ToolFacts[], problems: Problems): void {
  const names = tools.map(({ name }) => name);
  if (glob === "*" || names.some((tool) => covers(glob, tool))) return;
  const families = new Set(names.map((tool) => `${tool.slice(0, tool.indexOf("_"))}_*`));
  const candidates = glob.endsWith("_*") ? [...families] : names;
  problems.add(key, `"${glob}" is no tool there is`, suggest(glob, "Tools", candidates));
}

function checkCalls(draft: Draft, name: string, { calls }: DraftAgent, problems: Problems): void {
  const agents = namesOf(draft.agents);
  for (const [at, called] of itemsOf(calls)) {
    const key = `agents.${name}.calls[${at}]`;
    if (called === name) problems.add(key, "an agent cannot call itself", "name another one or remove it");
    else if (!agents.includes(called))
      problems.add(key, `no agent is named "${called}"`, suggest(called, "Agents", agents));
  }
}

const ruleKinds = ["hosts", "one_of", "pattern", "max_length", "named"] as const;

function checkArguments(at: string, agent: DraftAgent, tools: readonly ToolFacts[], problems: Problems): void {
  for (const [glob, rules] of Object.entries(agent.arguments ?? {})) {
    const key = `${at}.${keyPath(["arguments", glob])}`;
    checkGlob(key, glob, tools, problems);
    const known = argumentsOf(tools.filter(({ name }) => covers(glob, name)));
    for (const [path, rule] of Object.entries(rules ?? {})) {
      const place = `${at}.${keyPath(["arguments", glob, path])}`;
      if (known !== undefined && !known.some((argument) => isArgument(argument, path)))
        problems.add(place, `"${glob}" has no such argument`, suggest(path, "Arguments", known));
      if (rule !== undefined && ruleKinds.every((kind) => !rule[kind]))
        problems.add(place, "demands nothing", `give it ${ruleKinds.slice(0, -1).join(", ")} or named = true`);
    }
  }
}

/** The arguments of the tools that a rule is for; undefined where it is for none, or a schema is not known. */
function argumentsOf(covered: readonly ToolFacts[]): string[] | undefined {
  const known = covered.flatMap((tool) => (tool.arguments ? [tool.arguments] : []));
  return known.length === 0 || known.length < covered.length ? undefined : [...new Set(known.flat())];
}

const isArgument = (known: string, path: string): boolean =>
  known.endsWith("*") ? path.startsWith(known.slice(0, -1)) : known === path;

const namesAgent = (group: { agents?: readonly (string | undefined)[] | undefined }, agent: string): boolean =>
  group.agents?.some((glob) => glob === "*" || glob === agent) ?? false;

const hasApprover = (draft: Draft, agent: string): boolean =>
  sectionOf(draft, "groups").some(
    ([, group]) => group.approve === true && itemsOf(group.members).length > 0 && namesAgent(group, agent),
  );

/** Questions that nobody could answer. */
function checkUnanswered(name: string, agent: DraftAgent, problems: Problems): void {
  const unanswered = (key: string, instead: string): void =>
    problems.add(
      key,
      `asks, but nobody may approve calls of ${name}`,
      `write approve = true in a group with members that names ${name}, or ${instead}`,
    );
  if (itemsOf(agent.ask).length > 0) unanswered(`agents.${name}.ask`, "remove it");
  for (const label of ["act", "egress"] as const)
    if (agent.when_tainted?.[label] === "ask") unanswered(`agents.${name}.when_tainted.${label}`, 'write "deny"');
  for (const [glob, rules] of Object.entries(agent.arguments ?? {}))
    for (const [path, rule] of Object.entries(rules ?? {}))
      if (rule?.unmet === "ask")
        unanswered(`agents.${name}.${keyPath(["arguments", glob, path, "unmet"])}`, 'write "deny"');
}

/** Whether somebody could be granted the tool: of all groups together, as one person may be in several. */
function mayBeGranted(draft: Draft, agent: DraftAgent, tool: string): boolean {
  const any = (globs: readonly (string | undefined)[] | undefined): boolean =>
    itemsOf(globs).some(([, glob]) => covers(glob, tool));
  const granted = tool === agentAsk ? itemsOf(agent.calls).length > 0 : any(agent.tools);
  return granted && !any(agent.deny) && sectionOf(draft, "groups").some(([, group]) => any(group.tools));
}

/** No run may read strangers' words and private data and then act or send without a person. */
function checkLegs(
  draft: Draft,
  name: string,
  agent: DraftAgent,
  grantable: readonly ToolFacts[],
  problems: Problems,
): void {
  const first = (label: Label): string | undefined => grantable.find(({ labels }) => labels.includes(label))?.name;
  const stranger = sectionOf(draft, "groups").find(
    ([, group]) => namesAgent(group, name) && (group.trusted === false || itemsOf(group.rooms).length > 0),
  )?.[0];
  const untrusted = first("untrusted") ?? (stranger && `groups.${stranger}`);
  const secret = first("private");
  if (untrusted === undefined || secret === undefined) return;
  for (const label of ["act", "egress"] as const) {
    const third = first(label);
    if (third === undefined || agent.when_tainted?.[label] !== "allow") continue;
    problems.add(
      `agents.${name}.when_tainted.${label}`,
      `lets one run read strangers' words (${untrusted}) and private data (${secret}) and then ${label === "act" ? "act" : "send"} (${third}) unasked`,
      `write "ask" or "deny", or take one of the three from agents.${name}.tools`,
    );
  }
}

/** Data may leave only to where config says. */
function checkEgress(at: string, agent: DraftAgent, grantable: readonly ToolFacts[], problems: Problems): void {
  for (const { name, labels, bounded } of grantable) {
    if (!labels.includes("egress") || bounded) continue;
    const rules = Object.entries(agent.arguments ?? {}).flatMap(([glob, of]) =>
      covers(glob, name) ? Object.values(of ?? {}) : [],
    );
    if (rules.some((rule) => rule?.hosts !== undefined || rule?.one_of !== undefined)) continue;
    problems.add(
      `${at}.tools`,
      `"${name}" sends data out, and nothing says where to`,
      `list hosts or one_of for the argument that says where, in [${at}.arguments.${name}], or deny the tool in ${at}.deny`,
    );
  }
}
