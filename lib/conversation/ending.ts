/** How a run ends: what the person is told, what is kept of it, what is counted. */
import type { RunEvent } from "../agent/events.ts";
import { estimateTokens } from "../agent/history.ts";
import type { ModelMessage } from "../agent/model.ts";
import { emptyTranscript, type Transcript } from "../agent/transcript.ts";
import { checkpoint } from "../checkpoint.ts";
import { ClawError } from "../errors.ts";
import { cancelApprovals } from "../ledger/approvals.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import { isWriteRefused } from "../ledger/run-chain.ts";
import { countAnswers } from "../metrics.ts";
import { abandonRun, endChildren, shortId } from "../ledger/runs.ts";
import type { Taint } from "../policy/taint.ts";
import type { ConversationDeps } from "./deps.ts";
import { linkPolicyOf } from "./link-policy.ts";
import { toEntries } from "./reply.ts";
import { type EndSetup, inputMessages } from "./run-setup.ts";

/** What came of a run; `closing` are its last events, still to be journalled. */
export interface Ending {
  readonly state: "done" | "failed" | "cancelled";
  readonly text: string;
  readonly closing: readonly RunEvent[];
  readonly error?: ClawError;
}

const noAnswer = "Something went wrong on my side, and I have no answer.";

/** Not the run's own end: somebody else has it, or its messages. */
const rethrown: ReadonlySet<ClawError["code"]> = new Set(["ledger_conflict", "mailbox_changed"]);

/** What a person is told; throws on what is not the run's own end. */
export function failureOf(thrown: unknown, stopped: AbortSignal, interrupted: AbortSignal | undefined): Ending {
  const error: unknown = stopped.aborted ? stopped.reason : thrown;
  if (interrupted?.aborted || !(error instanceof ClawError) || rethrown.has(error.code)) throw thrown;
  const state = error.code === "cancelled" ? "cancelled" : "failed";
  const closing: RunEvent[] =
    error.code === "backend_failed" ? [{ type: "llm.failed", errorType: error.code, reason: error.message }] : [];
  return { state, text: error.say ?? noAnswer, closing, error };
}

/** A run that is over. */
export interface Ended {
  /** Failed, though it was to be done, where the database refuses what that ending is made of. */
  readonly state: Ending["state"];
  readonly text: string;
  /** The message that is claimed for sending, if any. */
  readonly claimed: ClaimedMessage | undefined;
}

/** Commits the ending with the reply and counts it. */
export async function endRun(
  deps: ConversationDeps,
  setup: EndSetup,
  transcript: Transcript,
  taint: Taint,
  intended: Ending,
  ms: number,
): Promise<Ended> {
  const { claimed, ending } = await closeSomehow(deps, setup, transcript, taint, intended);
  checkpoint("llm.saved");
  checkpoint("outbox.committed");
  if (ending.state !== "done") {
    const children = await endChildren(deps.sql, setup.open.run.id);
    if (children.length > 0) await cancelApprovals(deps.sql, { runs: children });
  }
  report(deps, setup, transcript, ending, ms);
  return { state: ending.state, text: ending.text, claimed };
}

/** As intended; else as failed, with nothing of the run that may be what was refused; else without a word: no run is tried for ever. */
async function closeSomehow(
  deps: ConversationDeps,
  setup: EndSetup,
  transcript: Transcript,
  taint: Taint,
  intended: Ending,
): Promise<{ claimed: ClaimedMessage | undefined; ending: Ending }> {
  try {
    return { claimed: await close(deps, setup, transcript, taint, intended), ending: intended };
  } catch (thrown) {
    if (!isWriteRefused(thrown)) throw thrown;
    const ending: Ending = { state: "failed", text: noAnswer, closing: [], error: thrown };
    try {
      const claimed = await close(deps, { ...setup, outbox: [] }, emptyTranscript(), taint, ending);
      return { claimed, ending };
    } catch (again) {
      if (!isWriteRefused(again)) throw again;
      await abandonRun(deps.sql, setup.open.run.id);
      return { claimed: undefined, ending: { ...ending, error: again } };
    }
  }
}

async function close(
  deps: ConversationDeps,
  setup: EndSetup,
  transcript: Transcript,
  taint: Taint,
  ending: Ending,
): Promise<ClaimedMessage | undefined> {
  const { open, config, destination, preface, input, outbox = [] } = setup;
  const { run } = open;
  const channel = destination && deps.channels[destination.channel];
  const text = ending.state === "done" ? ending.text : `${ending.text} (run ${shortId(run.id)})`;
  const asked: ModelMessage =
    input.kind === "new"
      ? { role: "user", text: input.text }
      : (inputMessages(input.past).at(-1) ?? { role: "user", text: "" });
  // Where the run was ended in the middle of its calls: a provider takes no call without its result.
  const unfinished = transcript.calls.map(({ call, result }): ModelMessage => {
    return {
      role: "tool",
      callId: call.id,
      name: call.name,
      text: result ?? "Not finished: the run was ended before.",
    };
  });
  const messages: ModelMessage[] = [
    asked,
    ...transcript.messages,
    ...unfinished,
    { role: "assistant", text, toolCalls: [] },
  ];
  const costs = transcript.answers.map(({ cost }) => cost?.amount);
  const last: RunEvent[] = [
    ...ending.closing,
    { type: "run.finished", state: ending.state, ...(ending.error && { errorType: ending.error.code }), text },
  ];
  const claimed = await open.close(last, {
    state: ending.state,
    ...(ending.error && { error: ending.error.code }),
    steps: transcript.steps,
    usage: transcript.usage,
    taint: taint.sources,
    cost: costs.every((cost) => cost !== undefined) ? costs.reduce((sum, cost) => sum + cost, 0) : undefined,
    turn: destination && { messages, tokens: estimateTokens(messages) },
    outbox: channel
      ? toEntries(channel, run.lane, destination, run.id, preface + text, linkPolicyOf(config, run.agent, taint))
      : outbox,
    sender: channel?.idempotentSend ? deps.worker : undefined,
  });
  deps.observe?.(run, last);
  return claimed;
}

function report(
  { log, metrics }: ConversationDeps,
  { config, open }: EndSetup,
  transcript: Transcript,
  { state, error }: Ending,
  ms: number,
): void {
  const { id, agent, principal, lane } = open.run;
  metrics.runs.inc({ agent, state });
  metrics.runSeconds.observe({ agent }, ms / 1000);
  metrics.steps.inc({ agent }, transcript.steps);
  countAnswers(metrics, agent, transcript.answers);
  if (error?.code === "backend_failed")
    metrics.modelCalls.inc({ backend: config.agents.get(agent)?.backend ?? "none", outcome: "failed" });
  const facts = { run: id, agent, principal, lane, state, steps: transcript.steps, ms: Math.round(ms) };
  if (error && state === "failed") log.error({ ...facts, err: error }, "run failed");
  else log.info(facts, "run ended");
}
