/** Attempts at jobs that should have ended: whoever works on them has died unseen, or waits for what does not come. */
import type { Config } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { localName } from "../time/wall-clock.ts";

/** An attempt that nobody has to answer first. */
interface OpenAttempt {
  readonly job: string;
  readonly slot: Date;
  readonly state: "new" | "running" | "delivering";
  /** Since it could be begun, or its run last wrote something down. */
  readonly seconds: number;
}

/** Open attempts of a job and, where one of them is stuck, which and for how long. */
export interface JobStanding {
  readonly job: string;
  readonly open: Readonly<Record<OpenAttempt["state"], number>>;
  readonly stuck?: { readonly slot: Date; readonly state: string; readonly seconds: number } | undefined;
}

const graceSeconds = 600;

/** How the jobs of the config, and others with open attempts, stand. Cheap: only open attempts are read. */
export async function jobStandings(sql: Sql, config: Pick<Config, "jobs" | "agents">): Promise<JobStanding[]> {
  const attempts = await openAttempts(sql);
  const names = new Set([...config.jobs.keys(), ...attempts.map(({ job }) => job)]);
  return [...names].map((job) => {
    const own = attempts.filter((attempt) => attempt.job === job);
    const count = (state: OpenAttempt["state"]): number => own.filter((attempt) => attempt.state === state).length;
    const limit = config.agents.get(config.jobs.get(job)?.agent ?? "")?.limits.seconds ?? 0;
    const stuck = own
      .filter(({ state, seconds }) => state !== "delivering" && seconds > limit + graceSeconds)
      .sort((one, two) => two.seconds - one.seconds)[0];
    const open = { new: count("new"), running: count("running"), delivering: count("delivering") };
    return { job, open, stuck };
  });
}

/** Without those that are to be begun later, and those whose run waits for an approver. */
async function openAttempts(sql: Sql): Promise<OpenAttempt[]> {
  return sql<OpenAttempt[]>`
    select s.job, s.slot, s.state,
      extract(epoch from now() - greatest(s.not_before,
        (select j.at from journal j where j.run_id = s.run_id order by j.seq desc limit 1)))::float8 as seconds
    from job_slots s left join runs r on r.id = s.run_id
    where s.state in ('new', 'running', 'delivering') and s.not_before <= now() and r.state is distinct from 'waiting'`;
}

/** For /readyz: which job's attempt is stuck, and since when. */
export async function jobsHealth(sql: Sql, config: Config): Promise<{ ok: boolean; reason: string }> {
  const stuck = (await jobStandings(sql, config)).flatMap(({ job, stuck: one }) => (one ? [{ job, ...one }] : []));
  if (stuck.length === 0) return { ok: true, reason: "none is stuck" };
  const words = stuck.map(({ job, slot, state, seconds }) => {
    const when = localName(slot, config.jobs.get(job)?.timezone ?? config.timezone);
    const minutes = Math.round(seconds / 60);
    return `${job}: the slot of ${when} ${state === "new" ? "waits to be begun" : "does nothing"} for ${minutes} min`;
  });
  return { ok: false, reason: `${words.join("; ")}; see the log, and claw jobs history` };
}
