/** Who asked which agent where, in a recorded run: by it the calls of its replay are decided. */
import type { Agent, Config, Job } from "../../config/config.ts";
import type { Sql } from "../../db/client.ts";
import { ClawError } from "../../errors.ts";
import { withheldIn } from "../../jobs/withheld.ts";
import type { Run } from "../../ledger/run.ts";
import { shortId } from "../../ledger/runs.ts";
import { roomFor } from "../../matrix/admit.ts";
import type { Scope } from "../../policy/decide.ts";
import { jobScope } from "../../policy/job-scope.ts";
import type { Tool } from "../../tools/define.ts";
import { runOf } from "./recording.ts";

/** A scope by the config of now, and what else decided in the run. */
export interface RecordedScope {
  readonly scope: Scope;
  /** The job of the config that it was an attempt at. */
  readonly job: Job | undefined;
  /** See ToolHostSetup. */
  readonly withholds: (tool: Tool) => string | undefined;
  readonly asks: boolean;
}

export interface ScopeDeps {
  readonly sql: Sql;
  readonly config: Config;
  /** The tools that a job's function calls itself. */
  readonly ownTools: (job: Job) => readonly string[];
}

/** Throws ClawError `config_invalid` where the config of now has not what it takes: the agent, the job. */
export async function recordedScope(deps: ScopeDeps, run: Run): Promise<RecordedScope> {
  const job = jobOf(deps.config, run);
  const dry = job !== undefined && run.job?.attempt === 0;
  return {
    scope: await scopeOf(deps, run, job),
    job,
    withholds: job ? withheldIn(job, deps.ownTools(job), dry) : () => undefined,
    asks: !dry,
  };
}

async function scopeOf(deps: ScopeDeps, run: Run, job: Job | undefined): Promise<Scope> {
  const { sql, config } = deps;
  const agent = agentOf(config, run);
  const caller =
    run.trigger === "agent" && run.parentRunId !== undefined
      ? await scopeOf(deps, (await runOf(sql, run.parentRunId)).run, job)
      : undefined;
  return {
    ...{ config, agent, principal: run.principal, trigger: run.trigger },
    room: await roomOfLane(sql, config, run.lane),
    ...(job && { job: jobScope(job) }),
    ...(caller && { caller }),
  };
}

function agentOf(config: Config, { id, agent: name }: Run): Agent {
  const agent = config.agents.get(name);
  if (agent) return agent;
  throw new ClawError(
    "config_invalid",
    `run ${shortId(id)} cannot be replayed: agents.${name} is no longer in the config`,
  );
}

/** A person's own schedule is no job of the config: what it asks is asked by them. */
function jobOf(config: Config, { id, job }: Run): Job | undefined {
  if (!job || job.name.startsWith("schedule:")) return undefined;
  const found = config.jobs.get(job.name);
  if (found) return found;
  throw new ClawError(
    "config_invalid",
    `run ${shortId(id)} cannot be replayed: jobs.${job.name} is no longer in the config`,
  );
}

/** The room of a lane as policy names it; undefined in a private Telegram chat, and where a lane is no chat. */
async function roomOfLane(sql: Sql, config: Config, lane: string): Promise<string | undefined> {
  const [channel, ...rest] = lane.split(":");
  if (channel === "telegram") return rest[1]?.startsWith("-") ? `telegram:${rest[1]}` : undefined;
  if (channel !== "matrix") return undefined;
  const [user = "", room = ""] = rest.join(":").split("|");
  const [seat] = await sql<{ origin: string | null }[]>`
    select origin from matrix_rooms where user_id = ${user} and room_id = ${room}`;
  return roomFor(config, room, { origin: seat?.origin ?? undefined });
}
