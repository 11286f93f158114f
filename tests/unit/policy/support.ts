import type { TestContext } from "node:test";
import type { Agent, Config } from "../../../lib/config/config.ts";
import { load, valid } from "../config/support.ts";

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
