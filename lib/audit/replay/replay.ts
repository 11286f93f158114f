/** A recorded run, run again by another model or under other instructions, as a run of its own that touches nothing. */
import { randomUUID } from "node:crypto";
import type { RecordedEvent, RunEvent, RunJournal } from "../../agent/events.ts";
import { runAgent } from "../../agent/loop.ts";
import type { ModelMessage } from "../../agent/model.ts";
import { emptyTranscript, type Transcript } from "../../agent/transcript.ts";
import type { Agent, Backend, Config } from "../../config/config.ts";
import { limited, limitOf } from "../../conversation/attempt.ts";
import { type Ending, failureOf } from "../../conversation/ending.ts";
import { ClawError } from "../../errors.ts";
import { beginRun, type OpenRun } from "../../ledger/runs.ts";
import type { Backends } from "../../llm/backends.ts";
import { Taint } from "../../policy/taint.ts";
import type { Keyring } from "../../seal.ts";
import type { Tool } from "../../tools/define.ts";
import { type Course, courseOf } from "./course.ts";
import { createReplayHost } from "./host.ts";
import { withPrompt } from "./prompt.ts";
import type { Recording } from "./recording.ts";
import { RecordedResults, type Source } from "./results.ts";
import { recordedScope, type ScopeDeps } from "./scope.ts";
import { standInRegistry } from "./stand-ins.ts";
import { safeParse } from "../../safe-parse.ts";

export interface ReplayDeps extends ScopeDeps {
  readonly keyring: Keyring;
  readonly backends: Backends;
  /** The tools there are now. Their facts are used, and nothing else of them. */
  readonly tools: readonly Tool[];
  /** The lane of this process's replays: a liveness lock of this name is held while it is alive. */
  readonly lane: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
}

export interface ReplayOptions {
  /** A name from [backends.<name>]; left out: the agent's own. Its fallbacks are not asked: it is this one that is compared. */
  readonly backend?: string | undefined;
  /** In the place of the agent's prompt. */
  readonly prompt?: string | undefined;
  /** Ends the replay as cancelled. */
  readonly signal: AbortSignal;
}

/** How a call of a replay got its result, besides what its course says. */
export interface ReplayMark {
  /** Left out where it was not run. */
  readonly source?: Source;
  /** An approver would have been asked. */
  readonly wouldAsk?: true;
}

/** What came of a replay. */
export interface Replayed {
  /** The replay's own run. */
  readonly id: string;
  readonly backend: string;
  readonly course: Course;
  /** By the seq of the call's `tool.requested`. */
  readonly marks: ReadonlyMap<number, ReplayMark>;
  /** What was not as it was then. */
  readonly notes: readonly string[];
}

/**
 * Runs a recording again, by the config of now. Throws ClawError `config_invalid` where that has not what it takes; a model
 * that fails is a course that failed. Throws what else goes wrong, such as a journal that cannot be written.
 */
export async function replay(deps: ReplayDeps, recording: Recording, options: ReplayOptions): Promise<Replayed> {
  const recorded = await recordedScope(deps, recording.run);
  const { agent } = recorded.scope;
  const config = withoutFallback(deps.config, options.backend ?? agent.backend);
  const notes: string[] = [];
  const { messages, promptHash } = inputOf(recording, agent, options.prompt, notes);
  const offered = offeredOf(deps.tools, recording, notes);
  if (recording.started.images.length > 0)
    notes.push(
      `${recording.started.images.length} image(s) were left out: the journal has where they were, not what they showed`,
    );

  const marks = new Map<number, ReplayMark>();
  const mark = (seq: number, more: ReplayMark): void => void marks.set(seq, { ...marks.get(seq), ...more });
  const results = new RecordedResults(recording.course.calls, argumentsBy(deps.tools));
  const registry = standInRegistry(deps.tools, results, (callKey, source) =>
    mark(Number(callKey.split(":").at(-1)), { source }),
  );
  const { run } = recording;
  const open = beginRun(
    deps.sql,
    deps.keyring,
    {
      ...{ id: randomUUID(), conversationId: run.conversationId, lane: deps.lane, agent: run.agent },
      ...{ principal: run.principal, trigger: "replay", parentRunId: run.id },
      ...{ policyHash: config.policyHash, promptHash },
    },
    [],
  );
  const events: RecordedEvent[] = [];
  const journal = kept(open, events);
  const transcript = emptyTranscript();
  const taint = new Taint(recording.taint);
  const host = createReplayHost({
    ...{ sql: deps.sql, runId: open.run.id, timezone: recorded.job?.timezone ?? config.timezone },
    ...{ recording, recorded, registry, results, taint, events },
    exhausted: () => exhausted(agent, transcript),
    onUnasked: (seq) => mark(seq, { wouldAsk: true }),
  });
  const model = deps.backends.model(config, options.backend ?? agent.backend);
  // It is no attempt at the job's slot.
  const { job: _, ...started } = recording.started;
  const opening: RunEvent = { ...started, messages, tools: offered, images: [], taint: taint.sources };
  const ending = await underLimits(agent, options.signal, (signal) =>
    runAgent(
      {
        ...{ model, tools: host, offered: registry.specs(new Set(offered)), journal, signal, clock: deps.clock },
        limits: { steps: agent.limits.steps, tokens: agent.limits.tokens_per_run },
        onTool: () => {},
      },
      { messages, opening: [opening], transcript },
    ),
  );
  await close(open, events, transcript, taint, ending);
  return { id: open.run.id, backend: model.backend, course: courseOf(events), marks, notes };
}

/** The config with the backend as the only one of its chain. */
function withoutFallback(config: Config, name: string): Config {
  const backend: Backend | undefined = config.backends.get(name);
  if (!backend) throw new ClawError("config_invalid", `there is no backends.${name}; add it or correct the name`);
  return { ...config, backends: new Map(config.backends).set(name, { ...backend, fallback: [] }) };
}

function inputOf(
  { run, started }: Recording,
  agent: Agent,
  prompt: string | undefined,
  notes: string[],
): { messages: readonly ModelMessage[]; promptHash: string } {
  if (prompt === undefined) return { messages: started.messages, promptHash: run.promptHash };
  const { messages, hash, whole } = withPrompt(started.messages, agent, prompt);
  if (whole)
    notes.push(
      `the recorded instructions do not begin with the prompt that agents.${agent.name} has now: the whole system message was replaced`,
    );
  return { messages, promptHash: hash };
}

/** What was offered then, as far as it is there: the same offer, so that a difference is the model's. */
function offeredOf(tools: readonly Tool[], { started }: Recording, notes: string[]): string[] {
  const names = new Set(tools.map(({ name }) => name));
  const gone = started.tools.filter((name) => !names.has(name));
  if (gone.length > 0) notes.push(`no longer there, and so not offered: ${gone.join(", ")}`);
  return started.tools.filter((name) => names.has(name));
}

/** A recorded call's arguments as its tool takes them now; as they were written where it does not. */
function argumentsBy(tools: readonly Tool[]): (call: { name: string; arguments: string }) => unknown {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  return ({ name, arguments: written }) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(written === "" ? "{}" : written);
    } catch {
      return written;
    }
    const tool = byName.get(name);
    const checked = tool && safeParse(tool.input, parsed);
    return checked?.success ? checked.data : parsed;
  };
}

/** Keeps what is journalled, with its places. */
const kept = (open: OpenRun, events: RecordedEvent[]): RunJournal => ({
  async append(more) {
    const first = await open.append(more);
    events.push(...more.map((event, index) => ({ seq: first + index, event })));
    return first;
  },
});

function exhausted({ name, limits }: Agent, { usage }: Transcript): string | undefined {
  const used = (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
  return used >= limits.tokens_per_run ? `agents.${name}.limits.tokens_per_run` : undefined;
}

async function underLimits(
  agent: Agent,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Pick<Ending, "text" | "closing">>,
): Promise<Ending> {
  const stop = new AbortController();
  const cancel = (): void => stop.abort(new ClawError("cancelled", "the replay was stopped", { say: "Stopped." }));
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const timer = limited(limitOf(agent), stop);
  try {
    return { state: "done", ...(await work(stop.signal)) };
  } catch (thrown) {
    return failureOf(thrown, stop.signal, undefined);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}

/** Ends the run: no turn, no message, nothing of it is ever shown to a model or a person in a chat. */
async function close(
  open: OpenRun,
  events: RecordedEvent[],
  transcript: Transcript,
  taint: Taint,
  { state, text, closing, error }: Ending,
): Promise<void> {
  const finished: RunEvent = { type: "run.finished", state, text, ...(error && { errorType: error.code }) };
  const last = [...closing, finished];
  const costs = transcript.answers.map(({ cost }) => cost?.amount);
  await open.close(last, {
    ...{ state, steps: transcript.steps, usage: transcript.usage, taint: taint.sources },
    ...(error && { error: error.code }),
    cost: costs.every((cost) => cost !== undefined) ? costs.reduce((sum, cost) => sum + cost, 0) : undefined,
    ...{ turn: undefined, outbox: [], sender: undefined },
  });
  const next = (events.at(-1)?.seq ?? -1) + 1;
  events.push(...last.map((event, index) => ({ seq: next + index, event })));
}
