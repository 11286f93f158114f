import type { RecordedEvent } from "../agent/events.ts";
import type { PastTurn } from "../agent/history.ts";
import type { ImagePart, ModelMessage } from "../agent/model.ts";
import type { Attachment, Destination, Presence, Principal } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { roomOf } from "../channel/room.ts";
import type { Budget } from "../policy/budget.ts";
import type { JobScope, Scope } from "../policy/decide.ts";
import type { TaintSource } from "../policy/taint.ts";
import type { OpenRun } from "../ledger/runs.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";
import type { Tool } from "../tools/define.ts";

/** What a run is made of, whether it begins or goes on. */
export interface RunSetup {
  readonly config: Config;
  readonly agent: Agent;
  readonly open: OpenRun;
  readonly destination: Destination;
  readonly shared: boolean;
  /** Put before the answer: what could not be read. */
  readonly preface: string;
  readonly presence: Presence;
  readonly input: NewInput | PastInput;
  /** The run that asked for this one by agent_ask. */
  readonly caller?: RunSetup;
  /** In a job, and in what its run asks for. */
  readonly job?: JobSetup;
}

/** What is otherwise in a run that no person asked for. */
export interface JobSetup {
  readonly scope: JobScope;
  /** Whose own things its tools read and write: the job has none. Grants nothing. */
  readonly person: Principal | undefined;
  /** Whose clocks its tools go by. */
  readonly timezone: string;
  /** The job's own, besides those of its agent. */
  readonly budgets: (day: string) => readonly Budget[];
  /** Why the model may not call a tool though config grants it to the job. */
  readonly withholds: (tool: Tool) => string | undefined;
  /** Whether approvers are asked; if not, what would need their yes is denied. */
  readonly asks: boolean;
}

/** What ends a run: its agent may be gone from the config. */
export interface EndSetup extends Pick<RunSetup, "config" | "open" | "preface" | "input"> {
  /** Where the answer is said, and kept as a turn. Undefined: it is for the caller alone, or `outbox` says where it goes. */
  readonly destination: Destination | undefined;
  /** What is said elsewhere, committed with the end. */
  readonly outbox?: readonly OutboxEntry[];
}

/** A new run: the agent function makes the model's messages of it. */
export interface NewInput {
  readonly kind: "new";
  readonly text: string;
  readonly images: readonly ImagePart[];
  readonly imageRefs: readonly Attachment[];
  /** Earlier turns, newest first. */
  readonly history: () => readonly PastTurn[];
  /** What the person wrote themselves. */
  readonly request: string;
  /** What has tainted the run before it begins: the person, what they sent, the history. */
  readonly taint: readonly TaintSource[];
}

/** A run taken up again: its messages are in its journal. */
export interface PastInput {
  readonly kind: "past";
  readonly past: readonly RecordedEvent[];
  readonly images: readonly ImagePart[];
}

/** What the person wrote themselves. */
export function requestOf(input: NewInput | PastInput): string {
  if (input.kind === "new") return input.request;
  const [first] = input.past;
  return first?.event.type === "run.started" ? first.event.request : "";
}

/** What had tainted the run when it was left, or before it began. */
export const taintOfInput = (input: NewInput | PastInput): readonly TaintSource[] =>
  input.kind === "new" ? input.taint : input.past.flatMap(({ event }) => ("taint" in event ? event.taint : []));

/** Who asks which agent where, for policy. */
export const scopeOf = ({ config, agent, open, destination, caller, job }: RunSetup): Scope => ({
  config,
  agent,
  principal: open.run.principal,
  room: roomOf(destination),
  trigger: open.run.trigger,
  ...(job && { job: job.scope }),
  ...(caller && { caller: scopeOf(caller) }),
});

/** The input of a run as its journal opened with it. */
export function inputMessages(past: readonly RecordedEvent[]): readonly ModelMessage[] {
  const [first] = past;
  return first?.event.type === "run.started" ? first.event.messages : [];
}
