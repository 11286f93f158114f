import { assemble } from "../../lib/config/assemble.ts";
import type { Config } from "../../lib/config/config.ts";
import { configSchema } from "../../lib/config/schema.ts";
import { Secret } from "../../lib/config/secret.ts";
import type { Decision, Scope } from "../../lib/policy/decide.ts";
import { callHash, GrantedCall, type ReadyCall } from "../../lib/policy/granted.ts";
import type { Tool, ToolContext, ToolOutput } from "../../lib/tools/define.ts";
import { runTool } from "../../lib/tools/define.ts";

const person = "telegram:1";

/** A config of one agent, `ops`, that may use every tool, those of services too, for `telegram:1`, whatever has tainted its runs. */
function permissive(deny: readonly string[]): Config {
  const raw = configSchema.parse({
    backends: { main: { base_url: "http://127.0.0.1:1/v1", model: "fake" } },
    groups: { owners: { members: [person], agents: ["*"], tools: ["*"], approve: true } },
    tools: {
      alerts: { url: "http://127.0.0.1:1" },
      calendar: { calendars: { home: { url: "http://127.0.0.1:1" } } },
      feeds: { url: "http://127.0.0.1:1", token: { env: "X" } },
      tasks: { url: "http://127.0.0.1:1", token: { env: "X" }, workspace: "home" },
    },
    agents: { ops: { description: "Does it", backend: "main", prompt: "ops.md", tools: ["*"], deny } },
  });
  const prompts = new Map([["agents.ops", { text: "Be brief.", hash: "0" }]]);
  const secrets = new Map(["key", "tools.feeds.token", "tools.tasks.token"].map((key) => [key, new Secret("")]));
  const env = { databaseUrl: undefined } as Parameters<typeof assemble>[4];
  return assemble("/openclaw.toml", raw, secrets, prompts, env);
}

/** A scope in which everything but `deny` is allowed. */
export function permissiveScope(deny: readonly string[] = []): Scope {
  const config = permissive(deny);
  const agent = config.agents.get("ops");
  if (!agent) throw new Error("no agent");
  return { config, agent, principal: person, room: undefined, trigger: "chat" };
}

/** Decides a call in a permissive scope. */
export const decided = (
  call: ReadyCall,
  deny: readonly string[] = [],
): { decision: Decision; granted: GrantedCall | undefined } =>
  GrantedCall.decide(permissiveScope(deny), call, { request: "", taint: [] });

/** A granted call, with an approver's yes where it needs one. */
export function granted(tool: Tool, input: ReadyCall["input"]): GrantedCall {
  const place = { runId: "run-1", seq: 1 };
  const approved = { place, approval: { callHash: callHash(place, { tool, input }) } };
  const circumstances = { request: "", taint: [] };
  const { granted: call, decision } = GrantedCall.decide(permissiveScope(), { tool, input }, circumstances, approved);
  if (!call) throw new Error(`not granted: ${decision.rule}`);
  return call;
}

/** Runs a tool as the loop does, with its input checked; throws where that is refused. */
export const runGrantedWhole = (tool: Tool, input: object, context: ToolContext): Promise<ToolOutput> =>
  runTool(granted(tool, tool.input.parse(input)), context);

/** The same, for what a model reads of it. */
export const runGranted = (tool: Tool, input: object, context: ToolContext): Promise<string> =>
  runGrantedWhole(tool, input, context).then(({ text }) => text);
