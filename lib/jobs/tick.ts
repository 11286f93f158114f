/** The gateway's own clock: what is done each minute, by whichever replica is asked to. */
import type { Config, Job } from "../config/config.ts";
import { dueSlot } from "../time/slots.ts";

/** Something done each minute. It may come late, twice, or in several processes at once. */
export type EachMinute = (now: Date) => Promise<unknown>;

/** Does all of it, whatever becomes of each; throws what was thrown. */
export async function tick(all: readonly EachMinute[], now: Date): Promise<void> {
  const results = await Promise.allSettled(all.map((each) => each(now)));
  const thrown = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (thrown.length === 1) throw thrown[0];
  if (thrown.length > 1) throw new AggregateError(thrown, thrown.map(String).join("; "));
}

export interface DueJobsDeps {
  /** The config in force; asked anew each minute. */
  readonly config: () => Pick<Config, "scheduler" | "jobs">;
  /** Since when each job is known; one that is new is from now on. */
  readonly knownSince: (jobs: readonly string[]) => Promise<ReadonlyMap<string, Date>>;
  /** Asks for the slot of a job that is due at `now`; does nothing where that was done before. */
  readonly ask: (job: Job, now: Date) => Promise<unknown>;
}

/** With `scheduler = "internal"`: asks for each job's due slot, unless that is from before the job was known. */
export const askForDueJobs =
  ({ config, knownSince, ask }: DueJobsDeps): EachMinute =>
  async (now) => {
    const { scheduler, jobs } = config();
    if (scheduler !== "internal" || jobs.size === 0) return;
    const since = await knownSince([...jobs.keys()]);
    const due = [...jobs.values()].filter((job) => {
      const [slot, known] = [dueSlot(job, now), since.get(job.name)];
      return slot !== undefined && known !== undefined && slot >= known;
    });
    await tick(
      due.map((job) => () => ask(job, now)),
      now,
    );
  };
