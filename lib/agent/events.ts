/** What a run does, as its journal keeps it: enough to audit it and to go on with it after a crash. */
import type { Attachment } from "../channel/types.ts";
import type { ModelAnswer, ModelMessage, ToolCall } from "./model.ts";

export type RunEvent =
  /** The run's whole input. Images are kept by reference and fetched again on a resume. */
  | {
      readonly type: "run.started";
      readonly messages: readonly ModelMessage[];
      readonly images: readonly Attachment[];
      readonly tools: readonly string[];
      /** Put before the answer: what could not be read. */
      readonly preface: string;
    }
  | { readonly type: "run.resumed" }
  | { readonly type: "llm.requested"; readonly backend: string; readonly model: string }
  | { readonly type: "llm.answered"; readonly answer: ModelAnswer }
  | { readonly type: "llm.failed"; readonly errorType: string; readonly reason: string }
  /** The decision on one call. An allowed one is also the intent: what follows may have happened. */
  | {
      readonly type: "tool.requested";
      readonly call: ToolCall;
      /** Whether a tool has the call's name. If not, the name is only something the model said, and kept sealed. */
      readonly known: boolean;
      readonly decision: "allow" | "deny";
      readonly rule: string;
    }
  | {
      readonly type: "tool.finished";
      readonly call: ToolCall;
      readonly known: boolean;
      readonly result: string;
      /** `denied` and `error`: not, or not fully, executed. `unknown`: begun before a crash and not repeatable; nobody knows what came of it. */
      readonly outcome: "ok" | "error" | "denied" | "unknown";
      readonly milliseconds: number;
    }
  | {
      readonly type: "run.finished";
      readonly state: "done" | "failed" | "cancelled";
      readonly errorType?: string;
      readonly text: string;
    };

/** An event with its place in the run's journal. */
export interface RecordedEvent {
  readonly seq: number;
  readonly event: RunEvent;
}

/** Where the loop writes what it does. Resolves, with the first event's seq, once it is durable; a failed write ends the run. */
export interface RunJournal {
  append(events: readonly RunEvent[]): Promise<number>;
}
