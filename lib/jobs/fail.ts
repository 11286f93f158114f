/** An attempt that failed: tried again after a while, and told once that is over. Never silence. */
import type { Job } from "../config/config.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { endSlot, type JobSlot, retriesOf, retrySlot } from "../ledger/job-slots.ts";
import { slotName } from "./slot-name.ts";

export interface Failure {
  /** For the operator: never what people or agents said. */
  readonly reason: string;
  /** Whether a further attempt could help, and could not say anything twice. */
  readonly again: boolean;
}

const minuteMs = 60_000;
const waits = [1, 5, 15, 60];

/** How long to wait after so many failures. */
export const waitMs = (failures: number): number => (waits[Math.min(failures, waits.length) - 1] ?? 1) * minuteMs;

/** `job` undefined: it has left the config. */
export async function failAttempt(
  deps: ConversationDeps,
  job: Job | undefined,
  slot: JobSlot,
  { reason, again }: Failure,
): Promise<void> {
  const retries = await retriesOf(deps.sql, slot);
  const facts = { job: slot.job, slot: slot.slot, attempt: slot.attempt, run: slot.runId, reason };
  if (job && again && retries < job.retries) {
    const delayMs = waitMs(retries + 1);
    await retrySlot(deps.sql, slot, reason, delayMs);
    deps.log.warn({ ...facts, againInMs: delayMs }, "a job failed and is tried again");
  } else {
    // Told first: killed in between, it is told again under the same key, which is once.
    const attempts = slot.attempt === 1 ? "" : ` after ${slot.attempt} attempts`;
    await tellOperator(deps, slot, `job-failed:${slot.runId}`, `Job **${slot.job}** failed${attempts}: ${reason}.`);
    await endSlot(deps.sql, slot, "failed", reason);
    deps.log.error(facts, "a job failed and is given up");
  }
  deps.metrics.jobs.inc({ job: slot.job, state: "failed" });
}

/** Says it of a slot, with the way to run that again where there still is one. */
export async function tellOperator(deps: ConversationDeps, slot: JobSlot, key: string, what: string): Promise<void> {
  const job = deps.config().jobs.get(slot.job);
  const due = job ? `${slotName(job, slot.slot)} (${job.timezone})` : slot.slot.toISOString();
  const again = job ? ` To run it again: \`claw jobs rerun ${slot.job} --slot ${slotName(job, slot.slot)}\`` : "";
  await deps.report({ key, text: `${what.replace(/\.\.$/, ".")} It was due at ${due}.${again}` });
}
