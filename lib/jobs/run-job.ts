/** One attempt's run: begun, or taken up where it was left, and committed with what is to be said. */
import { emptyTranscript } from "../agent/transcript.ts";
import { linksAlsoTo } from "../channel/links.ts";
import { checkpoint } from "../checkpoint.ts";
import { attempt } from "../conversation/attempt.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { endRun } from "../conversation/ending.ts";
import { linkPolicyOf } from "../conversation/link-policy.ts";
import { toEntries } from "../conversation/reply.ts";
import { interruptedTooOften } from "../conversation/resume.ts";
import { type EndSetup, type NewInput, type RunSetup, taintOfInput } from "../conversation/run-setup.ts";
import { lastDelivered, type JobSlot } from "../ledger/job-slots.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";
import { beginRun, resumeRun } from "../ledger/runs.ts";
import { Taint } from "../policy/taint.ts";
import { perform, type Performed } from "./perform.ts";
import { lastSlot } from "../time/slots.ts";
import { type JobWork, runOf, setupOf, timeLimitOf } from "./work.ts";

/** A run as it is to be executed. */
export interface Execution {
  readonly deps: ConversationDeps;
  readonly work: JobWork;
  readonly setup: RunSetup;
  readonly occurrence: Parameters<typeof perform>[3];
  readonly signal: AbortSignal;
}

/**
 * Runs the attempt until its end is committed, or until it waits for an approval. Throws, leaving it to be taken up again,
 * only where it was interrupted, taken over, or the database failed.
 */
export async function runJob(deps: ConversationDeps, work: JobWork, slot: JobSlot, signal: AbortSignal): Promise<void> {
  const id = slot.runId ?? "";
  const found = await resumeRun(deps.sql, deps.keyring, id);
  const open = found?.open ?? beginRun(deps.sql, deps.keyring, runOf(work, id, slot), []);
  const input: RunSetup["input"] = found ? { kind: "past", past: found.past, images: [] } : newInput();
  if (found) deps.log.warn({ job: slot.job, slot: slot.slot, run: id }, "an interrupted run of a job goes on");
  const occurrence = { slot: slot.slot, previous: await previousOf(deps, work, slot), attempt: slot.attempt };
  await executeJob({ deps, work, setup: setupOf(work, open, input), occurrence, signal });
  checkpoint("job.committed");
}

/** The input of a run that nobody wrote anything to. */
export const newInput = (): NewInput => ({
  ...{ kind: "new", text: "", images: [], imageRefs: [], request: "", taint: [] },
  history: () => [],
});

/** The slot that was last delivered; where there is none, the one before this by the timetable. */
export async function previousOf(
  { sql }: ConversationDeps,
  { job }: JobWork,
  slot: Pick<JobSlot, "job" | "slot">,
): Promise<Date> {
  return (await lastDelivered(sql, slot)) ?? lastSlot(job, new Date(slot.slot.getTime() - 1)) ?? slot.slot;
}

/** Performs it under its limits and ends it with what `say` makes of its message. Undefined: it waits, or has failed. */
export async function executeJob(
  { deps, work, setup, occurrence, signal }: Execution,
  say: typeof saidIn = saidIn,
): Promise<Performed | undefined> {
  const { run } = setup.open;
  const transcript = emptyTranscript();
  const taint = new Taint(taintOfInput(setup.input));
  const began = performance.now();
  const limit = timeLimitOf(work);
  let performed: Performed | undefined;
  let outbox: readonly OutboxEntry[] = [];
  const ending = await attempt(deps, setup, { limit, taint, signal }, async (either) => {
    const tooOften = setup.input.kind === "past" ? interruptedTooOften(run.id, setup.input.past) : undefined;
    if (tooOften) throw tooOften;
    performed = await perform(deps, work, setup, occurrence, { transcript, taint }, either);
    if (performed.text !== "") outbox = say(deps, work, run.id, performed, taint);
    return performed;
  });
  if (!ending) return undefined;
  const { config, open, preface, input } = setup;
  const over: EndSetup = { config, open, preface, input, destination: undefined, outbox };
  const { state } = await endRun(deps, over, transcript, taint, ending, performance.now() - began);
  return state === "done" ? performed : undefined;
}

/** The message in every place, each part under a key that begins with its run and place. */
function saidIn(
  deps: ConversationDeps,
  { config, agent, fn, places }: JobWork,
  runId: string,
  { text, readings }: Performed,
  taint: Taint,
): OutboxEntry[] {
  const policy = linkPolicyOf(config, agent.name, taint);
  const links = policy && linksAlsoTo(policy, new Set(fn.links?.(readings)));
  return places.flatMap(({ lane, destination }, index) =>
    toEntries(deps.channels[destination.channel], lane, destination, `${runId}:${index}`, text, links),
  );
}
