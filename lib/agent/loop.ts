/**
 * The agent loop, pure: model, tools, journal, clock and signal are passed in. Whatever it does is journalled before it
 * is relied upon: the intent before a model or tool call, the outcome after it. A failed journal write ends the run.
 */
import { ClawError } from "../errors.ts";
import { checkpoint } from "../checkpoint.ts";
import { estimateTokens } from "./history.ts";
import type { RunEvent, RunJournal } from "./events.ts";
import type { Model, ModelMessage, ToolSpec } from "./model.ts";
import type { ReadyCall } from "../policy/granted.ts";
import { executeCall, foresee, prepareCall, type ToolHost, type ToolResult } from "./tool-call.ts";
import type { Tool } from "../tools/define.ts";
import { applyEvent, type CallState, type Transcript } from "./transcript.ts";
import { type Question, RunWaiting } from "./waiting.ts";

export interface RunLimits {
  /** Model calls; the last one is made without tools, so that it must answer. */
  readonly steps: number;
  /** Input and output tokens together, as the providers count them, or estimated where one does not. */
  readonly tokens: number;
}

export interface LoopOptions {
  readonly model: Model;
  readonly tools: ToolHost;
  readonly offered: readonly ToolSpec[];
  readonly journal: RunJournal;
  readonly limits: RunLimits;
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Told when a tool goes to work, and when it has ended. */
  readonly onTool: (name: string, atWork: boolean) => void;
}

export interface LoopInput {
  /** System prompt, history and the person's message. */
  readonly messages: readonly ModelMessage[];
  /** Events that open the run and are journalled together with its first intent; empty on a resume with a past. */
  readonly opening: readonly RunEvent[];
  /** Where the run stands: empty for a new run, replayed from the journal for a resumed one. The loop goes on from it. */
  readonly transcript: Transcript;
}

export interface LoopResult {
  readonly text: string;
  /** The last outcome, still to be journalled: together with the reply, so that neither is kept without the other. */
  readonly closing: readonly RunEvent[];
}

/** Runs until there is a text. Throws ClawError `limit_reached`, `backend_failed` or `cancelled`, and RunWaiting. */
export async function runAgent(options: LoopOptions, input: LoopInput): Promise<LoopResult> {
  const { transcript } = input;
  let pending: readonly RunEvent[] = input.opening;
  let closing: readonly RunEvent[] = [];
  while (transcript.text === undefined) {
    if (transcript.calls.length > 0) {
      // Before any effect: a run that brings its process down in a tool must be seen to have been resumed.
      if (pending.length > 0) await options.journal.append(pending);
      pending = [];
      await runCalls(options, transcript);
      continue;
    }
    checkLimits(options.limits, transcript, input.messages);
    closing = await ask(options, input.messages, transcript, pending);
    pending = [];
  }
  const note = transcript.finishReason === "length" ? "\n\n[cut off: the model reached its output limit]" : "";
  return { text: transcript.text + note, closing };
}

function checkLimits(limits: RunLimits, transcript: Transcript, input: readonly ModelMessage[]): void {
  if (transcript.emptyAnswers >= 2)
    throw new ClawError("backend_failed", "the model gave two empty answers", {
      say: "The model gave an empty answer twice.",
    });
  if (transcript.steps >= limits.steps)
    throw new ClawError("limit_reached", `the run reached its limit of ${limits.steps} steps (limits.steps)`, {
      say: `I stopped after ${limits.steps} steps without an answer.`,
    });
  // A provider that does not count is counted for: each of its steps as all that was said so far.
  const uncounted = transcript.answers.filter(({ usage }) => usage === undefined).length;
  const estimated = uncounted > 0 ? uncounted * estimateTokens([...input, ...transcript.messages]) : 0;
  const used = (transcript.usage.inputTokens ?? 0) + (transcript.usage.outputTokens ?? 0) + estimated;
  if (used >= limits.tokens)
    throw new ClawError(
      "limit_reached",
      `the run used ${used} tokens of its ${limits.tokens} (limits.tokens_per_run)`,
      { say: "I stopped: this used up the tokens one run may take." },
    );
}

/** One model call. A final answer is returned unjournalled, for the commit that also holds the reply. */
async function ask(
  { model, offered, journal, limits, signal }: LoopOptions,
  input: readonly ModelMessage[],
  transcript: Transcript,
  pending: readonly RunEvent[],
): Promise<readonly RunEvent[]> {
  await journal.append([...pending, { type: "llm.requested", backend: model.backend, model: model.model }]);
  checkpoint("llm.requested");
  const tools = transcript.steps + 1 < limits.steps ? offered : [];
  const answer = await model.complete({ messages: [...input, ...transcript.messages], tools, signal });
  checkpoint("llm.answered");
  const event: RunEvent = { type: "llm.answered", answer };
  const final = answer.toolCalls.length === 0 && answer.text.trim() !== "";
  const seq = final ? -1 : await journal.append([event]);
  applyEvent(transcript, { seq, event });
  if (final) return [event];
  checkpoint("llm.saved");
  return [];
}

/**
 * The calls of one answer: decided and their intents journalled in one write, run (side by side those that change
 * nothing, the others one after the other), each outcome journalled as it comes. After a crash, a call whose outcome is
 * missing is run again only where its effect allows that. What has to be asked is left open, and told at the end.
 */
async function runCalls(options: LoopOptions, transcript: Transcript): Promise<void> {
  const { tools, journal } = options;
  const truncated = transcript.finishReason === "length";
  const record = recorder(journal, transcript);

  const open = transcript.calls
    .filter((state) => state.result === undefined)
    .map((state): OpenCall => {
      const tool = tools.find(state.call.name);
      const prepared = tool && prepareCall(tool, state.call, truncated);
      const ready = prepared && "input" in prepared ? prepared : undefined;
      const refused = prepared && "outcome" in prepared ? prepared : undefined;
      return { state, tool, ready, refused, crashed: state.decision === "allow" || state.approved === true };
    });
  const fresh = open.filter(({ state }) => state.requestedAt === undefined);
  if (fresh.length > 0) {
    const { taint } = tools;
    const events = fresh.map(({ state: { call }, tool, ready }): RunEvent => {
      const { decision } = tools.decide(call.name, { ready, taint });
      return { type: "tool.requested", call, known: tool !== undefined, ...decision, taint };
    });
    const first = await journal.append(events);
    events.forEach((event, index) => applyEvent(transcript, { seq: first + index, event }));
    checkpoint("tool.requested");
  }

  const questions: Question[] = [];
  let waiting = false;
  const sideBySide: Promise<void>[] = [];
  const inOrder: (() => Promise<void>)[] = [];
  for (const each of open) {
    const work = async (): Promise<void> => {
      const question = await runCall(options, each, record);
      waiting ||= question !== undefined;
      if (question && question !== "waiting") questions.push(question);
    };
    if (each.tool && each.tool.effect !== "idempotent") inOrder.push(work);
    else sideBySide.push(work());
  }
  const ordered = (async () => {
    for (const work of inOrder) await work();
  })();
  // All must settle before one's failure is told: none may go on working behind a finished run.
  const settled = await Promise.allSettled([...sideBySide, ordered]);
  const broken = settled.find((result) => result.status === "rejected");
  if (broken) throw broken.reason;
  if (waiting) throw new RunWaiting(questions);
}

/** A call without a result yet. */
interface OpenCall {
  readonly state: CallState;
  readonly tool: Tool | undefined;
  readonly ready: ReadyCall | undefined;
  /** Why it cannot be run, where its arguments are not valid. */
  readonly refused: ToolResult | undefined;
  /** It was under way when the run was interrupted. */
  readonly crashed: boolean;
}

type Recorder = (event: Extract<RunEvent, { type: "tool.finished" | "approval.decided" }>) => Promise<void>;

/** Appends one after the other: seq numbers are given in order. */
function recorder(journal: RunJournal, transcript: Transcript): Recorder {
  let last: Promise<void> = Promise.resolve();
  return (event) => {
    last = last.then(async () => applyEvent(transcript, { seq: await journal.append([event]), event }));
    return last;
  };
}

/** Runs a call to its result, or returns what has to be decided before. */
async function runCall(
  { tools, clock, signal, onTool }: LoopOptions,
  { state, tool, ready, refused, crashed }: OpenCall,
  record: Recorder,
): Promise<Question | "waiting" | undefined> {
  const { call, requestedAt: seq = -1, taint = [] } = state;
  const began = clock();
  const finish = (outcome: "ok" | "error" | "denied" | "unknown", result: string): Promise<undefined> =>
    record({
      type: "tool.finished",
      call,
      known: tool !== undefined,
      outcome,
      result,
      milliseconds: Math.round(clock() - began),
      taint: tools.taint,
    }) as Promise<undefined>;
  const denied = (): Promise<undefined> =>
    finish("denied", `Not permitted: ${call.name} is not granted here. Do not try again; tell the person.`);

  if (!tool) return finish("error", `There is no tool named "${call.name}".`);
  if (state.decision === "deny") return denied();
  if (!ready) return finish("error", refused?.text ?? "The call was not executed.");

  let { granted, decision } = tools.decide(call.name, { ready, taint });
  if (state.decision === "ask" && decision.decision !== "deny") {
    const answer = await tools.answer(seq);
    if (answer.state === "pending") {
      if (answer.asked) return "waiting";
      const words = foresee(ready, tools.context(String(seq), signal));
      if ("outcome" in words) return finish(words.outcome, words.text);
      return { seq, call: ready, rule: decision.rule, ...words };
    }
    if (!state.approved) await record({ type: "approval.decided", call, outcome: answer.state, approver: answer.by });
    if (answer.state !== "approved") return finish("denied", refusals[answer.state](call.name));
    ({ granted, decision } = tools.decide(call.name, { ready, taint, approved: { seq, approval: answer.approval } }));
  }
  // Decided anew: between a crash and now the config may have taken the grant away.
  if (!granted) return denied();
  if (crashed && tool.effect === "unsafe")
    return finish(
      "unknown",
      "It is not known whether this happened: the gateway was interrupted while it ran. Do not repeat it; ask the person to check.",
    );
  onTool(call.name, true);
  checkpoint("tool.started");
  try {
    const result = await executeCall(granted, tools.context(String(seq), signal));
    checkpoint("tool.ended");
    if (tool.labels.includes("untrusted")) tools.addTaint([`tool:${tool.name}`]);
    await finish(result.outcome, result.text);
  } catch (thrown) {
    if (thrown instanceof RunWaiting) return "waiting";
    throw thrown;
  } finally {
    onTool(call.name, false);
  }
  checkpoint("tool.saved");
  return undefined;
}

/** What the model reads of a call that nobody agreed to. */
const refusals: Readonly<Record<"denied" | "expired" | "cancelled", (name: string) => string>> = {
  denied: (name) => `Refused: a person said no to this call of ${name}. Do not try again; tell the person.`,
  expired: (name) => `Not done: nobody approved this call of ${name} in time. Do not try again; tell the person.`,
  cancelled: (name) => `Not done: this call of ${name} was called off. Do not try again.`,
};
