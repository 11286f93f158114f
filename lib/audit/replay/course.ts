/** What a run did, in the terms by which two runs are compared. Pure. */
import type { RecordedEvent, RunEvent } from "../../agent/events.ts";
import { applyEvent, emptyTranscript } from "../../agent/transcript.ts";
import type { Decision } from "../../policy/decide.ts";
import type { TaintSource } from "../../policy/taint.ts";

/** One call that the model made, with all that became of it. */
export interface CourseCall {
  /** Of its `tool.requested`. */
  readonly seq: number;
  readonly name: string;
  /** Raw JSON text, as the model wrote it. */
  readonly arguments: string;
  readonly decision: Decision["decision"];
  readonly rule: string;
  readonly approval?: { readonly outcome: "approved" | "denied" | "expired" | "cancelled"; readonly approver: string };
  /** Undefined where the run ended before. */
  readonly outcome: Extract<RunEvent, { type: "tool.finished" }>["outcome"] | undefined;
  readonly result: string;
  /** What it tainted the run with. */
  readonly taint: readonly TaintSource[];
}

/** A run from the model's first step to its end. */
export interface Course {
  readonly calls: readonly CourseCall[];
  /** The model's last words; where it had none, what the run ended with. */
  readonly text: string;
  readonly state: "done" | "failed" | "cancelled" | "unfinished";
  readonly error: string | undefined;
  /** Who answered, each once: `backend/model`. */
  readonly models: readonly string[];
  readonly steps: number;
  /** Undefined: no provider said. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** Of its steps; undefined: the price or the usage of one of them is unknown. */
  readonly cost: number | undefined;
  /** How long its model took, all steps together. */
  readonly milliseconds: number;
}

/** The course of a run by its journal; calls that code made before the model was asked are no part of it. */
export function courseOf(events: readonly RecordedEvent[]): Course {
  const transcript = emptyTranscript();
  const steps: Extract<RunEvent, { type: "llm.answered" }>["answer"][] = [];
  let ended: Extract<RunEvent, { type: "run.finished" }> | undefined;
  for (const recorded of fromFirstStep(events)) {
    applyEvent(transcript, recorded);
    const { event } = recorded;
    if (event.type === "llm.answered") steps.push(event.answer);
    else if (event.type === "run.finished") ended = event;
  }
  const costs = steps.map(({ cost }) => cost?.amount);
  return {
    calls: callsOf(events),
    text: transcript.text ?? ended?.text ?? "",
    state: ended?.state ?? "unfinished",
    error: ended?.errorType,
    models: [...new Set(steps.map(({ backend, model }) => `${backend}/${model}`))],
    steps: steps.length,
    inputTokens: transcript.usage.inputTokens,
    outputTokens: transcript.usage.outputTokens,
    cost: costs.every((cost) => cost !== undefined) ? costs.reduce((sum, cost) => sum + cost, 0) : undefined,
    milliseconds: steps.reduce((sum, step) => sum + step.milliseconds, 0),
  };
}

/** What had tainted a run when its model was first asked: its input, and what code had read for it. */
export const taintAtFirstStep = (events: readonly RecordedEvent[]): TaintSource[] => [
  ...new Set(events.slice(0, firstStep(events)).flatMap(({ event }) => ("taint" in event ? event.taint : []))),
];

function firstStep(events: readonly RecordedEvent[]): number {
  const found = events.findIndex(({ event }) => event.type === "llm.requested");
  return found === -1 ? events.length : found;
}

const fromFirstStep = (events: readonly RecordedEvent[]): readonly RecordedEvent[] => events.slice(firstStep(events));

type Writable<Of> = { -readonly [Key in keyof Of]: Of[Key] };

function callsOf(events: readonly RecordedEvent[]): CourseCall[] {
  const calls: Writable<CourseCall>[] = [];
  // Ids are the model's own, and may come again in a later answer.
  const open = new Map<string, Writable<CourseCall>>();
  let known: readonly TaintSource[] = taintAtFirstStep(events);
  for (const { seq, event } of fromFirstStep(events)) {
    if (event.type === "tool.requested") {
      const { call, decision, rule } = event;
      const made = { seq, name: call.name, arguments: call.arguments, decision, rule };
      const begun: Writable<CourseCall> = { ...made, outcome: undefined, result: "", taint: [] };
      open.set(call.id, begun);
      calls.push(begun);
    } else if (event.type === "approval.decided") {
      const asked = open.get(event.call.id);
      if (asked) asked.approval = { outcome: event.outcome, approver: event.approver };
    } else if (event.type === "tool.finished") {
      const { outcome, result, taint } = event;
      const before = known;
      const added = taint.filter((source) => !before.includes(source));
      known = [...known, ...added];
      const ended = open.get(event.call.id);
      if (ended) Object.assign(ended, { outcome, result, taint: added });
    }
  }
  return calls;
}
