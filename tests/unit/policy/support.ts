import type { TestContext } from "node:test";
import type { Principal } from "../../../lib/channel/types.ts";
import type { Agent, Config } from "../../../lib/config/config.ts";
import type { ToolFacts } from "../../../lib/config/tool-facts.ts";
import { type CallFacts, decide, type Scope } from "../../../lib/policy/decide.ts";
import { load, tools, valid } from "../config/support.ts";

/** A config like the example's: owners may all, family little; ops has a deny, helper is on Matrix only. */
export const household = valid.replace(
  'tools = ["commitments_*"]',
  'tools = ["commitments_*", "time_now"]\ndeny = ["commitments_complete"]',
).concat(`
[agents.helper]
description = "Helps"
backend = "main"
prompt = "ops.md"
tools = ["*"]
matrix = { localpart = "agent_helper" }

[groups.family]
members = ["matrix:@kid:home.example", "matrix:@me:home.example"]
agents = ["helper"]
tools = ["time_now", "commitments_list", "history_search"]

[groups.careful]
members = ["matrix:@kid:home.example"]
deny = ["history_*"]
`);

/** Loads `household`, with `extra` appended. */
export const loadHousehold = (t: TestContext, extra = ""): Config => load(t, household + extra);

/** An agent that must be there. */
export function agentOf(config: Config, name: string): Agent {
  const agent = config.agents.get(name);
  if (!agent) throw new Error(`no agent ${name}`);
  return agent;
}

/** Tools that reach the world, besides the gateway's own. */
export const worldTools: readonly ToolFacts[] = [
  ...tools.filter(({ name }) => /^(time|commitments|history|files)_/.test(name)),
  { name: "web_get", labels: ["untrusted", "egress"], arguments: ["url", "headers", "headers.*"] },
  { name: "mail_send", labels: ["act", "egress"], arguments: ["to", "text", "options", "options.reply_to"] },
  { name: "tickets_read", labels: ["untrusted", "private"], arguments: ["id"] },
  { name: "tickets_close", labels: ["act"], arguments: ["id"] },
  { name: "feed_read", labels: ["untrusted"] },
  { name: "agent_ask", labels: [], arguments: ["agent", "text"] },
];

/** Owners who approve, one agent `ops` that may use every tool of the world; `agent` are further keys of it. */
export const world = (agent = "", extra = ""): string =>
  valid
    .replace('tools = ["*"]', 'tools = ["*"]\napprove = true')
    .replace('tools = ["commitments_*"]', `tools = ["*"]\n${agent}`)
    .replace("\n[matrix]", `\n${destinations}\n${extra}\n[matrix]`);

const destinations = `[agents.ops.arguments.mail_send]
to = { one_of = ["team@home.example", "boss@home.example"] }
[agents.ops.arguments.web_get]
url = { hosts = ["home.example", "*.home.example"] }`;

/** Loads `world`. */
export const loadWorld = (t: TestContext, agent?: string, extra?: string): Config =>
  load(t, world(agent, extra), {}, worldTools);

/** A chat of somebody with an agent. */
export const scopeOf = (config: Config, agent: string, principal: Principal, room?: string): Scope => ({
  config,
  agent: agentOf(config, agent),
  principal,
  room,
  trigger: "chat",
});

/** A call of one of `worldTools`, or of a harmless tool of any other name. */
export const callOf = (tool: string, facts: Partial<Omit<CallFacts, "tool">> = {}): CallFacts => ({
  tool: worldTools.find(({ name }) => name === tool) ?? { name: tool, labels: [] },
  args: undefined,
  request: "",
  taint: [],
  ...facts,
});

/** `decision: rule`. */
export function ruling(scope: Scope, call: CallFacts): string {
  const { decision, rule } = decide(scope, call);
  return `${decision}: ${rule}`;
}
