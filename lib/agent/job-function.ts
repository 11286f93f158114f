/** What an agent function of a job is: all pure, so that a job taken up after a crash comes to the same end. */
import type { Agent } from "../config/config.ts";
import type { ModelMessage } from "./model.ts";

/** One tool call that the function makes itself, decided on and journalled like any other. */
export interface FixedCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** What people are told it is: "Calendar". */
  readonly title: string;
}

/** What came of reading a source. */
export interface Reading {
  readonly call: FixedCall;
  /** `absent`: config does not give the job this tool, so nobody expects it. */
  readonly state: "read" | "failed" | "absent";
  /** What the tool returned, or why it did not. */
  readonly text: string;
  /** The same for code: what the tool's file says of its data. */
  readonly data: unknown;
}

/** One attempt at one occurrence of a job. */
export interface JobContext {
  readonly name: string;
  readonly agent: Agent;
  /** The job's own instructions; undefined where the config names none. */
  readonly prompt: string | undefined;
  /** As the config lists them, for `report`. */
  readonly sources: readonly FixedCall[];
  readonly timezone: string;
  readonly slot: Date;
  /** The slot that was last delivered; where there is none, the one before this by the timetable. */
  readonly previous: Date;
}

/** Given a slot: which sources to read, what to ask the model, what to send, and what to do once it is delivered. */
export interface JobFunction {
  /** Tools of `sources` and `after`, as far as the function names them itself: the model is not offered them besides. */
  readonly own: readonly string[];
  sources(context: JobContext): readonly FixedCall[];
  /** What the model is asked; undefined: there is nothing to ask it about. */
  compose(context: JobContext, readings: readonly Reading[]): readonly ModelMessage[] | undefined;
  /** The message, in Markdown; `text` is the model's, undefined where it was not asked. Says which sources failed. */
  finish(context: JobContext, readings: readonly Reading[], text: string | undefined): string;
  /** Whether a source that was read answered only in part: then something is said, though there was nothing in the rest. */
  isPartial?(readings: readonly Reading[]): boolean;
  /** URLs of the sources that the message may link to, exactly so, though strangers wrote them. */
  links?(readings: readonly Reading[]): readonly string[];
  /** Done once the message is delivered, each call again after a crash: their tools must be idempotent. */
  after?(context: JobContext, readings: readonly Reading[]): readonly FixedCall[];
}
