import type { RecordedEvent } from "../agent/events.ts";
import type { PastTurn } from "../agent/history.ts";
import type { ImagePart, ModelMessage } from "../agent/model.ts";
import type { Attachment, Destination, Presence } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import type { OpenRun } from "../ledger/runs.ts";

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
}

/** What ends a run: its agent may be gone from the config. */
export type EndSetup = Omit<RunSetup, "agent">;

/** A new run: the agent function makes the model's messages of it. */
export interface NewInput {
  readonly kind: "new";
  readonly text: string;
  readonly images: readonly ImagePart[];
  readonly imageRefs: readonly Attachment[];
  /** Earlier turns, newest first. */
  readonly history: () => readonly PastTurn[];
}

/** A run taken up again: its messages are in its journal. */
export interface PastInput {
  readonly kind: "past";
  readonly past: readonly RecordedEvent[];
  readonly images: readonly ImagePart[];
}

/** The input of a run as its journal opened with it. */
export function inputMessages(past: readonly RecordedEvent[]): readonly ModelMessage[] {
  const [first] = past;
  return first?.event.type === "run.started" ? first.event.messages : [];
}
