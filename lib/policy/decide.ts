/** The one decision on a tool call. Pure: what it depends on is all in its two arguments. */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import type { ToolFacts } from "../config/tool-facts.ts";
import { covers } from "../config/tool-glob.ts";
import { hasApprover } from "./access.ts";
import { unmetRules } from "./arguments.ts";
import { grantOf } from "./grant.ts";
import type { TaintSource } from "./taint.ts";

/** Who asks which agent, where and how: the same for all calls of a run. */
export interface Scope {
  readonly config: Config;
  readonly agent: Agent;
  readonly principal: Principal;
  /** By `roomOf`; undefined in a private Telegram chat and in no chat. */
  readonly room: string | undefined;
  readonly trigger: "chat" | "job" | "agent" | "replay";
  /** A job of the config: its own list grants, as a person's groups do elsewhere. */
  readonly job?: JobScope;
  /** The scope of the run that called this agent: it must grant as much. */
  readonly caller?: Scope;
}

/** What a job may do, whoever has it run. */
export interface JobScope {
  readonly name: string;
  readonly tools: readonly string[];
  /** Where it speaks, by `roomOf`: less in any of these is less for the job. */
  readonly rooms: readonly string[];
}

/** One call, as far as policy looks at it. */
export interface CallFacts {
  readonly tool: Pick<ToolFacts, "name" | "labels" | "service" | "asks">;
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

/**
 * What nothing grants is denied. What is granted may still be denied, or need a yes, by its arguments, a budget, the
 * agent's `ask` or the run's taint, and by the scope of whoever called the agent: the strictest decides.
 */
export function decide(scope: Scope, call: CallFacts): Decision {
  const grant = grantOf(scope, call);
  if ("refused" in grant) return { decision: "deny", rule: grant.refused };
  const own = strictest([
    { decision: "allow", rule: grant.by.join(" & ") },
    ...ofArguments(scope, call),
    ...ofBudget(call),
    ...ofAsk(scope, call),
    ...ofTaint(scope, call),
  ]);
  return scope.caller === undefined ? own : strictest([own, decide(scope.caller, call)]);
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

/** The strictest of some decisions, with the rules of all that are as strict; of several denials the first says enough. */
function strictest(decisions: readonly Decision[]): Decision {
  const decision = (["deny", "ask", "allow"] as const).find((each) => decisions.some((one) => one.decision === each));
  if (decision === undefined) throw new Error("there is nothing to decide by");
  const rules = decisions.filter((one) => one.decision === decision).map(({ rule }) => rule);
  return { decision, rule: decision === "deny" ? (rules[0] ?? "") : [...new Set(rules)].join(" & ") };
}

const ofArguments = ({ agent }: Scope, { tool, args, request }: CallFacts): Decision[] =>
  args === undefined
    ? []
    : unmetRules(agent, tool.name, args, request).map(({ key, becomes }) => ({
        decision: becomes,
        rule: `${key} is not met`,
      }));

const ofBudget = ({ exhausted }: CallFacts): Decision[] =>
  exhausted === undefined ? [] : [{ decision: "deny", rule: `${exhausted} is used up` }];

function ofAsk({ config, agent }: Scope, { tool }: CallFacts): Decision[] {
  if (tool.asks && !hasApprover(config, agent.name))
    return [{ decision: "deny", rule: `${tool.name} always asks, and nobody may approve calls of ${agent.name}` }];
  if (tool.asks) return [{ decision: "ask", rule: `${tool.name} always asks` }];
  const glob = agent.ask.find((each) => covers(each, tool.name));
  return glob === undefined ? [] : [{ decision: "ask", rule: `agents.${agent.name}.ask "${glob}"` }];
}

const ofTaint = ({ config, agent }: Scope, { tool, taint }: CallFacts): Decision[] =>
  taint.length === 0
    ? []
    : (["act", "egress"] as const)
        .filter((label) => tool.labels.includes(label))
        .map((label) => {
          const { decision, rule } = whenTainted(config, agent, label);
          return { decision, rule: `${rule} (tainted by ${taint.join(", ")})` };
        })
        .filter(({ decision }) => decision !== "allow");

/** What config says of tools with a label in a tainted run, written or left out. */
export function whenTainted(config: Config, agent: Agent, label: "act" | "egress"): Decision {
  const key = `agents.${agent.name}.when_tainted.${label}`;
  const written = agent.when_tainted[label];
  if (written !== undefined) return { decision: written, rule: `${key} "${written}"` };
  const decision = label === "act" && hasApprover(config, agent.name) ? "ask" : "deny";
  return { decision, rule: `${key} "${decision}" by default` };
}
