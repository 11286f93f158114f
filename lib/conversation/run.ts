/** One run of an agent for a person, from its first journal entry (or from where a crash left it) to its reply. */
import type { AgentFunction } from "../agent/function.ts";
import type { RecordedEvent, RunEvent, RunJournal } from "../agent/events.ts";
import { estimateTokens, type PastTurn } from "../agent/history.ts";
import { type LoopResult, runAgent } from "../agent/loop.ts";
import type { ImagePart, ModelMessage } from "../agent/model.ts";
import { applyEvent, emptyTranscript, type Transcript } from "../agent/transcript.ts";
import { checkpoint } from "../checkpoint.ts";
import type { Attachment, Destination, Presence } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import { type OpenRun, shortId } from "../ledger/runs.ts";
import { costOf } from "../llm/price.ts";
import type { Metrics } from "../metrics.ts";
import { grantedTools } from "../policy/grant.ts";
import type { ConversationDeps } from "./deps.ts";
import { toEntries } from "./reply.ts";
import { createToolHost } from "./tool-host.ts";

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
type EndSetup = Omit<RunSetup, "agent">;

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

/**
 * Runs to the end and commits the reply with the last journal entries; the caller delivers it, beginning with the message
 * returned, if any: that one is claimed already. Throws, leaving the run to
 * be resumed, only where it was interrupted (`signal`), taken over, or the database failed.
 */
export async function runToEnd(
  deps: ConversationDeps,
  setup: RunSetup,
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const { agent, open } = setup;
  const transcript = emptyTranscript();
  const began = performance.now();
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(tooSlow(agent)), agent.limits.seconds * 1000);
  let ending: Ending;
  try {
    const either = AbortSignal.any([signal, stop.signal]);
    const result = await deps.cancellations.during(open.run.id, stop, () => execute(deps, setup, transcript, either));
    ending = { state: "done", text: result.text, closing: result.closing };
  } catch (thrown) {
    ending = failureOf(thrown, stop.signal, signal);
  } finally {
    clearTimeout(timer);
  }
  const claimed = await close(deps, setup, transcript, ending);
  checkpoint("outbox.committed");
  report(deps, setup, transcript, ending, performance.now() - began);
  return claimed;
}

/** Ends a run that cannot go on at all, such as one whose agent was taken out of the config. */
export async function failRun(
  deps: ConversationDeps,
  setup: EndSetup,
  error: ClawError,
): Promise<ClaimedMessage | undefined> {
  const transcript = emptyTranscript();
  if (setup.input.kind === "past") for (const recorded of setup.input.past) applyEvent(transcript, recorded);
  const ending = failureOf(error, AbortSignal.abort(error), undefined);
  const claimed = await close(deps, setup, transcript, ending);
  report(deps, setup, transcript, ending, 0);
  return claimed;
}

interface Ending {
  readonly state: "done" | "failed" | "cancelled";
  readonly text: string;
  readonly closing: readonly RunEvent[];
  readonly error?: ClawError;
}

async function execute(
  deps: ConversationDeps,
  setup: RunSetup,
  transcript: Transcript,
  signal: AbortSignal,
): Promise<LoopResult> {
  const { agent, config, open, presence, input, shared } = setup;
  const { principal, id: runId, conversationId } = open.run;
  const { registry } = deps;
  const offered = registry.specs(grantedTools(config, agent, principal, registry.names()));
  const loop = (messages: readonly ModelMessage[], opening: readonly RunEvent[]): Promise<LoopResult> =>
    runAgent(
      {
        model: deps.backends.model(config, agent.backend),
        tools: createToolHost(registry, config, { agent, principal, runId, conversationId, shared }),
        offered,
        journal: counted(open, deps.metrics),
        limits: { steps: agent.limits.steps, tokens: agent.limits.tokens_per_run },
        signal,
        clock: () => performance.now(),
        onTool: (name) => presence.progress(`${name} …`),
      },
      { messages, opening, transcript },
    );
  if (input.kind === "past") {
    for (const recorded of input.past) applyEvent(transcript, recorded);
    return loop(withImages(inputMessages(input.past), input.images), [{ type: "run.resumed" }]);
  }
  return agentFunction(
    deps,
    agent,
  )({
    agent,
    principal,
    timezone: config.timezone,
    now: new Date(),
    text: input.text,
    images: input.images,
    history: input.history,
    run: (messages) =>
      loop(messages, [
        {
          type: "run.started",
          messages: messages.map(withoutImages),
          images: input.imageRefs,
          tools: offered.map(({ name }) => name),
          preface: setup.preface,
        },
      ]),
  });
}

/** Counts tool calls as their outcomes are journalled. */
const counted = (journal: RunJournal, { toolCalls }: Metrics): RunJournal => ({
  async append(events) {
    const first = await journal.append(events);
    for (const event of events)
      if (event.type === "tool.finished")
        toolCalls.inc({ tool: event.known ? event.call.name : "none of ours", outcome: event.outcome });
    return first;
  },
});

function agentFunction(deps: ConversationDeps, agent: Agent): AgentFunction {
  const found = deps.agentFunctions.get(agent.function);
  if (!found)
    throw new ClawError(
      "config_invalid",
      `agents.${agent.name}.function: there is no agent function "${agent.function}"`,
    );
  return found;
}

/** The input of a run as its journal opened with it. */
export function inputMessages(past: readonly RecordedEvent[]): readonly ModelMessage[] {
  const [first] = past;
  return first?.event.type === "run.started" ? first.event.messages : [];
}

const withoutImages = (message: ModelMessage): ModelMessage =>
  message.role === "user" ? { role: "user", text: message.text } : message;

const withImages = (messages: readonly ModelMessage[], images: readonly ImagePart[]): ModelMessage[] =>
  messages.map((message, index) =>
    index === messages.length - 1 && message.role === "user" && images.length > 0 ? { ...message, images } : message,
  );

const tooSlow = (agent: Agent): ClawError =>
  new ClawError(
    "limit_reached",
    `the run took longer than ${agent.limits.seconds} s (agents.${agent.name}.limits.seconds)`,
    { say: `I stopped: this took longer than ${agent.limits.seconds} seconds.` },
  );

/** What a person is told; throws on what is not the run's own end. */
function failureOf(thrown: unknown, stopped: AbortSignal, interrupted: AbortSignal | undefined): Ending {
  const error: unknown = stopped.aborted ? stopped.reason : thrown;
  if (interrupted?.aborted || !(error instanceof ClawError) || error.code === "ledger_conflict") throw thrown;
  const state = error.code === "cancelled" ? "cancelled" : "failed";
  const closing: RunEvent[] =
    error.code === "backend_failed" ? [{ type: "llm.failed", errorType: error.code, reason: error.message }] : [];
  return { state, text: error.say ?? "Something went wrong on my side, and I have no answer.", closing, error };
}

async function close(
  deps: ConversationDeps,
  setup: EndSetup,
  transcript: Transcript,
  ending: Ending,
): Promise<ClaimedMessage | undefined> {
  const { open, config, destination, preface, input } = setup;
  const { run } = open;
  const channel = deps.channels[destination.channel];
  const text = ending.state === "done" ? ending.text : `${ending.text} (run ${shortId(run.id)})`;
  const asked: ModelMessage =
    input.kind === "new"
      ? { role: "user", text: input.text }
      : (inputMessages(input.past).at(-1) ?? { role: "user", text: "" });
  const messages: ModelMessage[] = [asked, ...transcript.messages, { role: "assistant", text, toolCalls: [] }];
  const costs = transcript.answers.map(({ backend, usage }) => {
    const settings = config.backends.get(backend);
    return settings && costOf(settings, usage);
  });
  return open.close(
    [
      ...ending.closing,
      { type: "run.finished", state: ending.state, ...(ending.error && { errorType: ending.error.code }), text },
    ],
    {
      state: ending.state,
      ...(ending.error && { error: ending.error.code }),
      steps: transcript.steps,
      usage: transcript.usage,
      cost: costs.every((cost) => cost !== undefined) ? costs.reduce((sum, cost) => sum + cost, 0) : undefined,
      turn: { messages, tokens: estimateTokens(messages) },
      outbox: toEntries(channel, run.lane, destination, run.id, preface + text),
      sender: channel.idempotentSend ? deps.worker : undefined,
    },
  );
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
  for (const { backend, usage } of transcript.answers) {
    metrics.modelCalls.inc({ backend, outcome: "answered" });
    if (usage) {
      metrics.tokens.inc({ backend, kind: "input" }, usage.inputTokens);
      metrics.tokens.inc({ backend, kind: "output" }, usage.outputTokens);
    }
  }
  if (error?.code === "backend_failed")
    metrics.modelCalls.inc({ backend: config.agents.get(agent)?.backend ?? "none", outcome: "failed" });
  const facts = { run: id, agent, principal, lane, state, steps: transcript.steps, ms: Math.round(ms) };
  if (error && state === "failed") log.error({ ...facts, err: error }, "run failed");
  else log.info(facts, "run ended");
}
