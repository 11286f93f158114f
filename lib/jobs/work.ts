/** An attempt at a job with all that its run is made of, by the config in force. */
import type { JobFunction } from "../agent/job-function.ts";
import type { Agent, Config, Job } from "../config/config.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import type { TimeLimit } from "../conversation/attempt.ts";
import type { JobSetup, RunSetup } from "../conversation/run-setup.ts";
import { derivedId } from "../derived-id.ts";
import { ClawError, messageOf } from "../errors.ts";
import { jobLane, type JobSlot } from "../ledger/job-slots.ts";
import type { Run } from "../ledger/run.ts";
import { jobBudget } from "../policy/budget.ts";
import { jobScope } from "../policy/job-scope.ts";
import { type JobPlace, placesOf } from "./places.ts";
import { withheldIn } from "./withheld.ts";

export interface JobWork {
  readonly config: Config;
  readonly job: Job;
  readonly agent: Agent;
  readonly fn: JobFunction;
  readonly places: readonly [JobPlace, ...JobPlace[]];
  readonly setup: JobSetup;
}

/** Throws ClawError `config_invalid` where the job cannot be run by this config at all. */
export async function workOf(
  deps: ConversationDeps,
  config: Config,
  job: Job,
  { dry = false }: { readonly dry?: boolean } = {},
): Promise<JobWork> {
  const agent = config.agents.get(job.agent);
  const given = deps.jobFunctions.get(job.function);
  if (!agent || !given)
    throw new ClawError(
      "config_invalid",
      `jobs.${job.name}: there is no ${agent ? `function "${job.function}"` : `agent "${job.agent}"`}`,
    );
  const places = await placesOf(deps.sql, config, job);
  const fn = guarded(job, given);
  const budgets: JobSetup["budgets"] = (day) => jobBudget(job, day);
  const withholds = withheldIn(job, fn.own, dry);
  return {
    config,
    job,
    agent,
    fn,
    places,
    setup: { scope: jobScope(job), person: job.for, timezone: job.timezone, budgets, withholds, asks: !dry },
  };
}

/** The run of an attempt, before it is begun. */
export const runOf = (
  { config, job }: JobWork,
  id: string,
  { slot, attempt }: Pick<JobSlot, "slot" | "attempt">,
): Run => ({
  id,
  conversationId: derivedId(`job:${job.name}`),
  lane: jobLane(job.name),
  agent: job.agent,
  principal: `job:${job.name}`,
  trigger: "job",
  job: { name: job.name, slot, attempt },
  policyHash: config.policyHash,
  promptHash: job.promptHash,
});

/** A run's setup: nobody is shown that it is at work, and what its tools send goes to the first place. */
export const setupOf = (
  { config, agent, places, setup }: JobWork,
  open: RunSetup["open"],
  input: RunSetup["input"],
): RunSetup => ({
  ...{ config, agent, open, input, job: setup, preface: "" },
  destination: places[0].destination,
  shared: setup.scope.rooms.length > 0,
  presence: { progress: () => {}, end: async () => {} },
});

/** From the first source to the message. */
export const timeLimitOf = ({ job, agent }: JobWork): TimeLimit =>
  job.limits.seconds === undefined
    ? { seconds: agent.limits.seconds, key: `agents.${agent.name}.limits.seconds` }
    : { seconds: job.limits.seconds, key: `jobs.${job.name}.limits.seconds` };

/** A function that throws fails its attempt; unguarded, its lane would try it for ever, without a word. */
function guarded(job: Job, fn: JobFunction): JobFunction {
  const guard =
    <Args extends unknown[], Value>(name: string, call: (...args: Args) => Value) =>
    (...args: Args): Value => {
      try {
        return call(...args);
      } catch (cause) {
        throw new ClawError("environment", `jobs.${job.name}: ${job.function}.${name} failed: ${messageOf(cause)}`, {
          cause,
        });
      }
    };
  return {
    own: fn.own,
    sources: guard("sources", fn.sources.bind(fn)),
    compose: guard("compose", fn.compose.bind(fn)),
    finish: guard("finish", fn.finish.bind(fn)),
    ...(fn.isPartial && { isPartial: guard("isPartial", fn.isPartial.bind(fn)) }),
    ...(fn.links && { links: guard("links", fn.links.bind(fn)) }),
    ...(fn.after && { after: guard("after", fn.after.bind(fn)) }),
  };
}
