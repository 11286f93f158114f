/** Works through the attempts of one job that are open, under its lane's lock. */
import type { Lane } from "../channel/types.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { failRun } from "../conversation/run.ts";
import { ClawError } from "../errors.ts";
import { cancelApprovals, goOn } from "../ledger/approvals.ts";
import { beginSlot, endSlot, type OpenSlot, openSlots, slotDelivers } from "../ledger/job-slots.ts";
import { abandonRun, endChildren, endedRun, resumeRun } from "../ledger/runs.ts";
import type { Pass } from "../queue/lanes.ts";
import { failAttempt } from "./fail.ts";
import { runJob } from "./run-job.ts";
import { settle } from "./settle.ts";
import { type JobWork, workOf } from "./work.ts";

const prefix = "job:";

export const isJobLane = (lane: Lane): boolean => lane.startsWith(prefix);

/** One pass over the job of a lane, unless another process is at it. */
export async function passJob(deps: ConversationDeps, lane: Lane, signal: AbortSignal): Promise<Pass> {
  const held = await deps.locks.tryLane(lane, (sql) => openSlots(sql, lane.slice(prefix.length)));
  if (!held) return "elsewhere";
  try {
    const either = AbortSignal.any([signal, held.signal]);
    let pass: Pass = "drained";
    for (const slot of held.value) if ((await advance(deps, slot, signal, either)) === "later") pass = "later";
    return pass;
  } finally {
    await deps.locks.releaseLane(lane, held.signal);
  }
}

/** Brings one attempt as far as it goes now. */
async function advance(
  deps: ConversationDeps,
  slot: OpenSlot,
  signal: AbortSignal,
  either: AbortSignal,
): Promise<"settled" | "later"> {
  const config = deps.config();
  const job = config.jobs.get(slot.job);
  if (slot.state !== "delivering") {
    if (!job) return giveUp(deps, slot);
    // A decision wakes the lane.
    if (slot.runState === "waiting") return "settled";
    await beginSlot(deps.sql, slot);
  }
  let work: JobWork | undefined;
  try {
    work = job && (await workOf(deps, config, job));
    if (work && slot.state !== "delivering" && (await ended(deps, slot)) === undefined)
      await runJob(deps, work, slot, either);
  } catch (thrown) {
    // Not the run's own end: its journal cannot be opened, or this config cannot run it.
    const given = thrown instanceof ClawError && (thrown.code === "environment" || thrown.code === "config_invalid");
    if (!given) throw thrown;
    // What is on its way arrives all the same.
    if (slot.state === "delivering") return settle(deps, undefined, slot, signal, either);
    await abandonRun(deps.sql, slot.runId ?? "");
    await failAttempt(deps, job, slot, { reason: thrown.message, again: true });
    return "settled";
  }
  if (slot.state === "delivering") return settle(deps, work, slot, signal, either);
  const end = await ended(deps, slot);
  if (!end) return "settled";
  if (end.state !== "done") await failAttempt(deps, job, slot, { reason: end.text, again: end.state === "failed" });
  else if (end.text === "") {
    await endSlot(deps.sql, slot, "quiet", undefined);
    deps.metrics.jobs.inc({ job: slot.job, state: "quiet" });
    deps.log.info({ job: slot.job, slot: slot.slot, run: slot.runId }, "a job has nothing to say");
  } else {
    await slotDelivers(deps.sql, slot);
    return settle(deps, work, slot, signal, either);
  }
  return "settled";
}

/** How the attempt's run ended, if it has. */
async function ended(deps: ConversationDeps, slot: OpenSlot): Promise<{ state: string; text: string } | undefined> {
  const end = await endedRun(deps.sql, deps.keyring, slot.runId ?? "");
  // Given up: without last words, and at first without a last entry.
  if (end && (end.state === "done" || end.text !== "")) return end;
  return slot.runState === "failed" || slot.runState === "cancelled"
    ? { state: slot.runState, text: "its run was given up; the log says why" }
    : undefined;
}

/** The job has left the config while an attempt was open. */
async function giveUp(deps: ConversationDeps, slot: OpenSlot): Promise<"settled"> {
  const runId = slot.runId ?? "";
  const error = new ClawError("environment", `jobs.${slot.job} is no longer in the config`, {
    say: "The job that was at work is no longer in the config.",
  });
  const children = await endChildren(deps.sql, runId);
  await cancelApprovals(deps.sql, { runs: [runId, ...children] });
  // One that waits is taken up to be ended.
  await goOn(deps.sql, runId);
  const found = await resumeRun(deps.sql, deps.keyring, runId);
  if (found) {
    const input = { kind: "past" as const, past: found.past, images: [] };
    await failRun(deps, { config: deps.config(), open: found.open, preface: "", input, destination: undefined }, error);
  }
  await failAttempt(deps, undefined, slot, { reason: error.message, again: false });
  return "settled";
}
