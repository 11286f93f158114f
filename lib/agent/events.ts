/** What a run does, as its journal keeps it: enough to audit it and to go on with it after a crash. */
import type { Attachment } from "../channel/types.ts";
import type { Decision } from "../policy/decide.ts";
import type { TaintSource } from "../policy/taint.ts";
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
      /** What the person wrote that the run answers, whole, and nobody else's words. */
      readonly request: string;
      /** Left out in a chat. */
      readonly job?: StartedJob;
      /** What has tainted it from the beginning: its history, what was forwarded to it. */
      readonly taint: readonly TaintSource[];
    }
  /** After an interruption, or when all it waited for was decided. */
  | {
      readonly type: "run.resumed";
      /** Of the config in force from here on: by it what follows is decided. */
      readonly policyHash: string;
    }
  /** Nobody works on it until its questions are decided. */
  | { readonly type: "run.waiting" }
  | { readonly type: "llm.requested"; readonly backend: string; readonly model: string }
  | { readonly type: "llm.answered"; readonly answer: ModelAnswer }
  /** Beside the loop, for a tool: the model looked at an image. */
  | { readonly type: "llm.consulted"; readonly answer: ModelAnswer }
  | { readonly type: "llm.failed"; readonly errorType: string; readonly reason: string }
  /** The decision on one call. An allowed one is also the intent: what follows may have happened. `ask`: see approval.decided. */
  | {
      readonly type: "tool.requested";
      readonly call: ToolCall;
      /** Whether a tool has the call's name. If not, the name is only something the model said, and kept sealed. */
      readonly known: boolean;
      readonly decision: Decision["decision"];
      readonly rule: string;
      /** What had tainted the run when it was decided. */
      readonly taint: readonly TaintSource[];
    }
  /** What became of the question about a call; `approved` is the intent, as above. */
  | {
      readonly type: "approval.decided";
      readonly call: ToolCall;
      readonly outcome: "approved" | "denied" | "expired" | "cancelled";
      /** The principal who decided, `operator` on the command line; empty where nobody did. */
      readonly approver: string;
    }
  | {
      readonly type: "tool.finished";
      readonly call: ToolCall;
      readonly known: boolean;
      readonly result: string;
      /** For the code that called it; a model reads `result` alone. */
      readonly data?: unknown;
      /** `denied` and `error`: not, or not fully, executed. `unknown`: begun before a crash and not repeatable; nobody knows what came of it. */
      readonly outcome: "ok" | "error" | "denied" | "unknown";
      readonly milliseconds: number;
      /** What has tainted the run now that the result is read. */
      readonly taint: readonly TaintSource[];
    }
  | {
      readonly type: "run.finished";
      readonly state: "done" | "failed" | "cancelled";
      readonly errorType?: string;
      readonly text: string;
    };

/** Of which job a run is which attempt, with all of its beginning that is written nowhere else. */
export interface StartedJob {
  readonly name: string;
  /** ISO instants. */
  readonly slot: string;
  readonly previous: string;
  readonly attempt: number;
  /** Headings of the sources that were read, in the order of their calls. */
  readonly titles: readonly string[];
  /** Nothing was sent. */
  readonly dry?: true;
}

/** An event with its place in the run's journal. */
export interface RecordedEvent {
  readonly seq: number;
  readonly event: RunEvent;
}

/** Where the loop writes what it does. Resolves, with the first event's seq, once it is durable; a failed write ends the run. */
export interface RunJournal {
  append(events: readonly RunEvent[]): Promise<number>;
}
