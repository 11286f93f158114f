/** From a job's sources to its message. */
import type { RunEvent, StartedJob } from "../agent/events.ts";
import type { JobContext, Reading } from "../agent/job-function.ts";
import type { Transcript } from "../agent/transcript.ts";
import { applyEvent } from "../agent/transcript.ts";
import { checkpoint } from "../checkpoint.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { prepare } from "../conversation/run.ts";
import { inputMessages, type RunSetup } from "../conversation/run-setup.ts";
import { ClawError } from "../errors.ts";
import type { Taint } from "../policy/taint.ts";
import { contextOf, readSources, recordedReadings } from "./gather.ts";
import type { JobWork } from "./work.ts";

/** What a run of a job came to. */
export interface Performed {
  /** Markdown; empty where there is nothing to say. */
  readonly text: string;
  readonly closing: readonly RunEvent[];
  readonly readings: readonly Reading[];
}

/** Which attempt it is. */
export interface Occurrence {
  readonly slot: Date;
  readonly previous: Date;
  readonly attempt: number;
  readonly dry?: true;
}

/** Reads the sources and asks the model; of a run taken up again, goes on with what its journal has of both. */
export async function perform(
  deps: ConversationDeps,
  work: JobWork,
  setup: RunSetup,
  occurrence: Occurrence,
  state: { readonly transcript: Transcript; readonly taint: Taint },
  signal: AbortSignal,
): Promise<Performed> {
  const { input } = setup;
  const prepared = prepare(deps, setup, state.transcript, state.taint, signal);
  if (input.kind === "past") {
    const recorded = recordedReadings(input.past);
    if (!recorded)
      throw new ClawError("environment", `run ${setup.open.run.id}: its journal does not begin with its input`);
    for (const each of input.past) applyEvent(state.transcript, each);
    const { asked, readings, started } = recorded;
    const context = contextOf(work.job, work.agent, { slot: occurrence.slot, previous: new Date(started.previous) });
    const resumed: RunEvent = { type: "run.resumed", policyHash: work.config.policyHash };
    if (asked) return finished(work, context, readings, await prepared.loop(inputMessages(input.past), [resumed]));
    await prepared.journal.append([resumed]);
    return finished(work, context, readings, undefined);
  }
  const context = contextOf(work.job, work.agent, occurrence);
  const calls = work.fn.sources(context);
  const clock = (): number => performance.now();
  const { readings, events } = await readSources({ host: prepared.own, signal, clock }, calls);
  checkpoint("job.gathered");
  const messages = work.fn.compose(context, readings);
  const opening: RunEvent[] = [
    {
      ...{ type: "run.started", images: [], preface: "", request: "", taint: [] },
      messages: messages ?? [],
      tools: messages ? prepared.offered : [],
      job: startedJob(
        work,
        occurrence,
        calls.map(({ title }) => title),
      ),
    },
    ...events,
  ];
  if (messages) return finished(work, context, readings, await prepared.loop(messages, opening));
  await prepared.journal.append(opening);
  return finished(work, context, readings, undefined);
}

const startedJob = ({ job }: JobWork, { slot, previous, attempt, dry }: Occurrence, titles: string[]): StartedJob => ({
  ...{ name: job.name, slot: slot.toISOString(), previous: previous.toISOString(), attempt, titles },
  ...(dry && { dry }),
});

function finished(
  { job, fn }: JobWork,
  context: JobContext,
  readings: readonly Reading[],
  answer: { readonly text: string; readonly closing: readonly RunEvent[] } | undefined,
): Performed {
  const whole = readings.every(({ state }) => state !== "failed") && !fn.isPartial?.(readings);
  const silent = answer === undefined && job.quiet_if_empty && whole;
  const text = silent ? "" : fn.finish(context, readings, answer?.text);
  return { text, closing: answer?.closing ?? [], readings };
}
