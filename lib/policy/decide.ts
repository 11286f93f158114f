/** The one decision on a tool call. Pure: what it depends on is all in its two arguments. */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { covers } from "../config/tool-glob.ts";
import type { Label } from "../tools/define.ts";
import { decideTool } from "./grant.ts";
import type { TaintSource } from "./taint.ts";

/** Who asks which agent, where and how: the same for all calls of a run. */
export interface Scope {
  readonly config: Config;
  readonly agent: Agent;
  readonly principal: Principal;
  /** By `roomOf`; undefined in a private Telegram chat and in no chat. */
  readonly room: string | undefined;
  readonly trigger: "chat" | "job" | "agent" | "replay";
  /** Narrowed to these tools as well, by the config key that says so: a job's own list. */
  readonly narrowed?: { readonly key: string; readonly tools: readonly string[] };
  /** The scope of the run that called this agent: it must grant as much. */
  readonly caller?: Scope;
}

/** One call, as far as policy looks at it. */
export interface CallFacts {
  readonly tool: { readonly name: string; readonly labels: readonly Label[] };
  /** As the tool's schema took them; undefined where it did not, or where only the tool is asked about. */
  readonly args: Readonly<Record<string, unknown>> | undefined;
  /** What the person wrote that the run answers, whole; never what anybody else wrote. */
  readonly request: string;
  /** What has tainted the run so far. */
  readonly taint: readonly TaintSource[];
  /** The key of a budget that is used up. */
  readonly exhausted?: string;
}

/** A decision with the rule that made it, as the journal keeps both. */
export interface Decision {
  /** `ask`: only with the yes of an approver to this very call. */
  readonly decision: "allow" | "deny" | "ask";
  /** The config key that decided, such as `agents.ops.tools "alerts_*" & groups.owners.tools "*"`. */
  readonly rule: string;
}

/** What nothing grants is denied. */
export function decide(scope: Scope, call: CallFacts): Decision {
  const { config, agent, principal } = scope;
  const decision = decideTool(config, agent, principal, call.tool.name);
  const asked = agent.ask.find((glob) => covers(glob, call.tool.name));
  if (decision.decision === "deny" || asked === undefined) return decision;
  return { decision: "ask", rule: `agents.${agent.name}.ask "${asked}"` };
}

/**
 * The tools a model is offered: those that some arguments of might be allowed, or asked about. A tool that is not offered is
 * decided on all the same where it is called.
 */
export const offeredTools = (scope: Scope, tools: readonly CallFacts["tool"][]): Set<string> =>
  new Set(
    tools
      .filter((tool) => decide(scope, { tool, args: undefined, request: "", taint: [] }).decision !== "deny")
      .map(({ name }) => name),
  );
