/** One decision, or those on all tools, as they would be made now: `claw policy explain`. Pure. */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config, Job } from "../config/config.ts";
import type { ToolFacts } from "../config/tool-facts.ts";
import { isTrusted, type Room } from "./access.ts";
import { decide, type Decision, type Scope } from "./decide.ts";
import { scopeOfJob } from "./job-scope.ts";
import type { TaintSource } from "./taint.ts";

/** What is asked about. */
export interface Question {
  readonly agent: Agent;
  readonly principal: Principal;
  readonly room: Room;
  /** As if something untrusted had been read, besides what the person's own words taint. */
  readonly tainted: boolean;
  /** What the person wrote, for rules that want an argument named in it. */
  readonly request: string;
  /** In a run of this job, which is nobody's. */
  readonly job?: Job;
}

/** A decision on a tool; without arguments the mildest that any could have. */
export interface Explained extends Decision {
  readonly tool: string;
}

/** What taints the run of this person before it has called anything. */
export const taintOf = (config: Config, { principal, tainted, job }: Question): TaintSource[] => [
  ...(job || isTrusted(config, principal) ? [] : [`person:${principal}`]),
  ...(tainted ? ["--tainted"] : []),
];

/** Decides as a chat would, or a run of the job. */
export function explain(
  config: Config,
  question: Question,
  tool: ToolFacts,
  args: Readonly<Record<string, unknown>> | undefined,
): Explained {
  const { agent, principal, room, request, job } = question;
  const scope: Scope = job ? scopeOfJob(config, agent, job) : { config, agent, principal, room, trigger: "chat" };
  return { tool: tool.name, ...decide(scope, { tool, args, request, taint: taintOf(config, question) }) };
}
