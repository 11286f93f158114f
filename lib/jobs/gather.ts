/** What a job reads before any model is asked, and the same as its journal has it. */
import type { RecordedEvent, RunEvent, StartedJob } from "../agent/events.ts";
import type { FixedCall, JobContext, Reading } from "../agent/job-function.ts";
import type { Agent, Job } from "../config/config.ts";
import { type CallOptions, type MadeCall, makeCalls } from "./calls.ts";

/** Reads all sources side by side. One that fails is a reading that says so. Throws only when the signal aborts. */
export async function readSources(
  options: Pick<CallOptions, "host" | "signal" | "clock">,
  calls: readonly FixedCall[],
): Promise<{ readonly readings: readonly Reading[]; readonly events: readonly RunEvent[] }> {
  const refuses = ({ name, labels }: { name: string; labels: readonly string[] }): string | undefined =>
    labels.includes("act") ? `${name} changes something, and sources only read` : undefined;
  const { made, events } = await makeCalls({ ...options, prefix: "source", refuses }, calls);
  return { readings: made.map(toReading), events };
}

/** The readings that a run's journal opens with; undefined where it does not open as a job's run does. */
export function recordedReadings(
  past: readonly RecordedEvent[],
): { readonly started: StartedJob; readonly asked: boolean; readonly readings: readonly Reading[] } | undefined {
  const [first, ...rest] = past.map(({ event }) => event);
  if (first?.type !== "run.started" || first.job === undefined) return undefined;
  const { job, messages } = first;
  // What the model called comes after its first step.
  const end = rest.findIndex(({ type }) => type !== "tool.requested" && type !== "tool.finished");
  const gathered = end === -1 ? rest : rest.slice(0, end);
  const readings = job.titles.flatMap((title, index): Reading[] => {
    const event = gathered.find((each) => each.type === "tool.finished" && each.call.id === `source-${index}`);
    if (event?.type !== "tool.finished") return [];
    const call = { tool: event.call.name, args: JSON.parse(event.call.arguments) as FixedCall["args"], title };
    return [toReading({ call, outcome: event.outcome, text: event.result, data: event.data })];
  });
  return { started: job, asked: messages.length > 0, readings };
}

const toReading = ({ call, outcome, text, data }: MadeCall): Reading => ({
  call,
  state: outcome === "ok" ? "read" : outcome === "denied" ? "absent" : "failed",
  text,
  data,
});

/** What a job's function is told. */
export const contextOf = (job: Job, agent: Agent, at: { slot: Date; previous: Date }): JobContext => ({
  name: job.name,
  agent,
  prompt: job.prompt,
  sources: job.sources.map(({ tool, args, title }) => ({ tool, args, title: title ?? tool })),
  timezone: job.timezone,
  slot: at.slot,
  previous: at.previous,
});
