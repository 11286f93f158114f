/** Reads a journal back into the state the loop goes on from. Pure. */
import type { RecordedEvent } from "./events.ts";
import type { Decision } from "../policy/decide.ts";
import type { TaintSource } from "../policy/taint.ts";
import type { ModelAnswer, ModelMessage, ToolCall, Usage } from "./model.ts";

/** A tool call of the last answer, and how far it had come. */
export interface CallState {
  readonly call: ToolCall;
  /** Seq of its `tool.requested`, undefined before that. */
  requestedAt?: number;
  /** As it was decided then, and what had tainted the run. */
  decision?: Decision["decision"];
  taint?: readonly TaintSource[];
  /** An approver's yes is journalled: it may have been begun. */
  approved?: boolean;
  /** Its result once there is one (a denial is one at once). */
  result?: string;
}

/** Where a run stands. */
export interface Transcript {
  /** Said and done since the run's input: assistant and tool messages, in the order the model must see them. */
  readonly messages: ModelMessage[];
  /** Calls of the last answer; all have results once the next model call may be made. */
  calls: CallState[];
  /** Model calls answered. */
  steps: number;
  readonly usage: RunUsage;
  /** Every answer of a model, those to tools among them. */
  readonly answers: ModelAnswer[];
  /** The final text, when the last answer had no calls. */
  text: string | undefined;
  /** How the last answer ended. */
  finishReason: string | undefined;
  emptyAnswers: number;
}

/** Tokens of a run; undefined until a provider says. */
export interface RunUsage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  cachedTokens: number | undefined;
  reasoningTokens: number | undefined;
}

export const emptyTranscript = (): Transcript => ({
  messages: [],
  calls: [],
  steps: 0,
  usage: { inputTokens: undefined, outputTokens: undefined, cachedTokens: undefined, reasoningTokens: undefined },
  answers: [],
  text: undefined,
  finishReason: undefined,
  emptyAnswers: 0,
});

/** Applies one event; the loop applies its own events as it makes them, so that a resume is the same code. */
export function applyEvent(transcript: Transcript, { seq, event }: RecordedEvent): void {
  switch (event.type) {
    case "llm.answered": {
      const { answer } = event;
      transcript.steps += 1;
      addUsage(transcript.usage, answer.usage);
      transcript.answers.push(answer);
      transcript.finishReason = answer.finishReason;
      transcript.calls = answer.toolCalls.map((call) => ({ call }));
      if (answer.toolCalls.length > 0)
        transcript.messages.push({ role: "assistant", text: answer.text, toolCalls: answer.toolCalls });
      else if (answer.text.trim() === "") transcript.emptyAnswers += 1;
      else transcript.text = answer.text;
      break;
    }
    case "llm.consulted":
      addUsage(transcript.usage, event.answer.usage);
      transcript.answers.push(event.answer);
      break;
    case "tool.requested": {
      const state = transcript.calls.find(({ call }) => call.id === event.call.id);
      if (!state) break;
      state.requestedAt = seq;
      state.decision = event.decision;
      state.taint = event.taint;
      break;
    }
    case "approval.decided": {
      const state = transcript.calls.find(({ call }) => call.id === event.call.id);
      if (state) state.approved = event.outcome === "approved";
      break;
    }
    case "tool.finished": {
      const state = transcript.calls.find(({ call }) => call.id === event.call.id);
      if (state) state.result = event.result;
      settle(transcript);
      break;
    }
    case "run.started":
    case "run.resumed":
    case "run.waiting":
    case "llm.requested":
    case "llm.failed":
    case "run.finished":
      break;
  }
}

/** Results enter the transcript in the order of the calls, whichever finished first, and only when all are there. */
function settle(transcript: Transcript): void {
  if (!transcript.calls.every((state) => state.result !== undefined)) return;
  for (const { call, result } of transcript.calls)
    transcript.messages.push({ role: "tool", callId: call.id, name: call.name, text: result ?? "" });
  transcript.calls = [];
}

function addUsage(total: RunUsage, usage: Usage | undefined): void {
  if (!usage) return;
  total.inputTokens = (total.inputTokens ?? 0) + usage.inputTokens;
  total.outputTokens = (total.outputTokens ?? 0) + usage.outputTokens;
  if (usage.cachedTokens !== undefined) total.cachedTokens = (total.cachedTokens ?? 0) + usage.cachedTokens;
  if (usage.reasoningTokens !== undefined) total.reasoningTokens = (total.reasoningTokens ?? 0) + usage.reasoningTokens;
}
