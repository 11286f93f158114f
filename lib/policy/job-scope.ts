/** What a job may do, as its config says it. Pure. */
import type { Agent, Config, Job } from "../config/config.ts";
import type { JobScope, Scope } from "./decide.ts";

/** A job's own list, and where it speaks. */
export const jobScope = ({ name, tools, deliver }: Job): JobScope => ({ name, tools, rooms: deliver.filter(isRoom) });

/** A private Telegram chat is no room. */
const isRoom = (place: string): boolean => place.startsWith("matrix:") || place.startsWith("telegram:-");

/** The scope of a job's run, before it has begun. */
export const scopeOfJob = (config: Config, agent: Agent, job: Job): Scope => ({
  ...{ config, agent, principal: `job:${job.name}`, room: undefined, trigger: "job" },
  job: jobScope(job),
});
