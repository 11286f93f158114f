import type { ReadyCall } from "../policy/granted.ts";

/** A call that an approver has to agree to. */
export interface Question {
  /** Of its `tool.requested`. */
  readonly seq: number;
  readonly call: ReadyCall;
  /** Why it is asked. */
  readonly rule: string;
  /** What the call comes to, by the tool's own word; left out where its arguments say it all. */
  readonly foreseen?: string;
}

/** Thrown by the loop when it can go on only once others have decided: no failure, and no end of the run. */
export class RunWaiting extends Error {
  /** To be asked. Empty where all were asked before, or where an agent that was called waits. */
  readonly questions: readonly Question[];

  constructor(questions: readonly Question[]) {
    super("the run waits for a decision");
    this.name = "RunWaiting";
    this.questions = questions;
  }
}
