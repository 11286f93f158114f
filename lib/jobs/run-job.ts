/** One attempt's run: begun, or taken up where it was left, and committed with what is to be said. */
import type { RecordedEvent } from "../agent/events.ts";
import { RunWaiting } from "../agent/waiting.ts";
import { emptyTranscript } from "../agent/transcript.ts";
import { linksAlsoTo } from "../channel/links.ts";
import { checkpoint } from "../checkpoint.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { type Ending, endRun, failureOf } from "../conversation/ending.ts";
import { linkPolicyOf } from "../conversation/link-policy.ts";
import { park } from "../conversation/park.ts";
import { toEntries } from "../conversation/reply.ts";
import { interruptedTooOften } from "../conversation/resume.ts";
import { limited } from "../conversation/run.ts";
import { type EndSetup, type NewInput, type RunSetup, taintOfInput } from "../conversation/run-setup.ts";
import { ClawError } from "../errors.ts";
import { lastDelivered, type JobSlot } from "../ledger/job-slots.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";
import { beginRun, isCancelRequested, resumeRun } from "../ledger/runs.ts";
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
  const stop = new AbortController();
  const timer = limited(timeLimitOf(work), stop);
  let performed: Performed | undefined;
  let ending: Ending;
  let outbox: readonly OutboxEntry[] = [];
  try {
    const either = AbortSignal.any([signal, stop.signal]);
    performed = await deps.cancellations.during(run.id, stop, async () => {
      if (setup.input.kind === "past") await mustGoOn(deps, run.id, setup.input.past);
      return perform(deps, work, setup, occurrence, { transcript, taint }, either);
    });
    if (performed.text !== "") outbox = say(deps, work, run.id, performed, taint);
    ending = { state: "done", text: performed.text, closing: performed.closing };
  } catch (thrown) {
    if (thrown instanceof RunWaiting && !stop.signal.aborted) {
      await park(deps, setup, thrown, taint);
      return undefined;
    }
    ending = failureOf(thrown, stop.signal, signal);
  } finally {
    clearTimeout(timer);
  }
  const { config, open, preface, input } = setup;
  const over: EndSetup = { config, open, preface, input, destination: undefined, outbox };
  await endRun(deps, over, transcript, taint, ending, performance.now() - began);
  return ending.state === "done" ? performed : undefined;
}

async function mustGoOn({ sql }: ConversationDeps, id: string, past: readonly RecordedEvent[]): Promise<void> {
  if (await isCancelRequested(sql, id))
    throw new ClawError("cancelled", `run ${id} was stopped by a person`, { say: "Stopped." });
  const tooOften = interruptedTooOften(id, past);
  if (tooOften) throw tooOften;
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
