/** What a job does once its message is delivered: a run of its own, tried until it is done. */
import type { RunEvent } from "../agent/events.ts";
import { emptyTranscript } from "../agent/transcript.ts";
import { checkpoint } from "../checkpoint.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { endRun } from "../conversation/ending.ts";
import { prepare } from "../conversation/run.ts";
import { derivedId } from "../derived-id.ts";
import type { JobSlot } from "../ledger/job-slots.ts";
import { isWriteRefused } from "../ledger/run-chain.ts";
import { abandonRun, beginRun, journalOf, resumeRun, runsAfter } from "../ledger/runs.ts";
import { Taint } from "../policy/taint.ts";
import { type MadeCall, makeCalls } from "./calls.ts";
import { contextOf, recordedReadings } from "./gather.ts";
import { newInput } from "./run-job.ts";
import { type JobWork, runOf, setupOf } from "./work.ts";

/** For so long it is tried. */
const patienceMs = 86_400_000;

/** `again`: how many tries have failed. `failed`: given up, with why. */
export type AfterOutcome =
  | { readonly state: "done" }
  | { readonly state: "again"; readonly tries: number }
  | { readonly state: "failed"; readonly reason: string };

/**
 * Makes the calls that the job's function wants after delivery. They were chosen by code from what its sources returned as
 * data, so nothing taints them; each may be made again, so its tool must be idempotent.
 */
export async function runAfter(
  deps: ConversationDeps,
  work: JobWork,
  slot: JobSlot,
  signal: AbortSignal,
): Promise<AfterOutcome> {
  const { fn, job, agent } = work;
  const past = (await journalOf(deps.sql, deps.keyring, slot.runId ?? "")) ?? [];
  const recorded = recordedReadings(past);
  if (!fn.after || !recorded) return { state: "done" };
  const context = contextOf(job, agent, { slot: slot.slot, previous: new Date(recorded.started.previous) });
  const calls = fn.after(context, recorded.readings);
  if (calls.length === 0) return { state: "done" };
  const tries = await runsAfter(deps.sql, slot.runId ?? "");
  if (tries.some(({ state }) => state === "done")) return { state: "done" };
  const failed = tries.filter(({ state }) => state !== "running").length;

  const run = { ...runOf(work, derivedId(`job-after:${slot.runId}:${failed}`), slot), parentRunId: slot.runId };
  const found = await resumeRun(deps.sql, deps.keyring, run.id);
  const open = found?.open ?? beginRun(deps.sql, deps.keyring, run, []);
  const taint = new Taint();
  const transcript = emptyTranscript();
  const began = performance.now();
  const setup = setupOf(work, open, newInput());
  const { own: host, journal } = prepare(deps, setup, transcript, taint, signal);
  const opening: RunEvent = found
    ? { type: "run.resumed", policyHash: work.config.policyHash }
    : {
        ...{ type: "run.started", messages: [], images: [], tools: [], preface: "", request: "", taint: [] },
        job: { ...recorded.started, titles: [] },
      };
  const refuses = ({ name, effect }: { name: string; effect: string }): string | undefined =>
    effect === "idempotent" ? undefined : `${name} could not be repeated after a crash`;
  const options = { host, signal, refuses, prefix: "after", clock: () => performance.now() };
  let made: readonly MadeCall[];
  try {
    // The intent is there before the effect; which calls they are follows from the journal of the job's run.
    await journal.append([opening]);
    const { events, ...all } = await makeCalls(options, calls);
    await journal.append(events);
    ({ made } = all);
  } catch (thrown) {
    if (!isWriteRefused(thrown)) throw thrown;
    await abandonRun(deps.sql, run.id);
    return { state: "failed", reason: thrown.message };
  }
  // What config does not grant is not expected.
  const broken = made.filter(({ outcome }) => outcome !== "ok" && outcome !== "denied");
  const { config, preface, input } = setup;
  await endRun(
    deps,
    { config, open, preface, input, destination: undefined },
    transcript,
    taint,
    { state: broken.length === 0 ? "done" : "failed", text: broken.map(inWords).join("; "), closing: [] },
    performance.now() - began,
  );
  checkpoint("job.after");
  if (broken.length === 0) return { state: "done" };
  const since = tries[0]?.startedAt.getTime() ?? Date.now();
  if (Date.now() - since < patienceMs) return { state: "again", tries: failed + 1 };
  return { state: "failed", reason: broken.map(({ call }) => `${call.tool} failed for a day`).join("; ") };
}

const inWords = ({ call, text }: MadeCall): string => `${call.tool}: ${text}`;
