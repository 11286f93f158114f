/** A run that another run asked for by agent_ask: its own journal and limits, the scopes of both, the taint of both. */
import { emptyTranscript } from "../agent/transcript.ts";
import { RunWaiting } from "../agent/waiting.ts";
import { derivedId } from "../derived-id.ts";
import { ClawError } from "../errors.ts";
import { beginRun, endedRun, resumeRun } from "../ledger/runs.ts";
import { Taint } from "../policy/taint.ts";
import type { AgentRequest } from "../tools/define.ts";
import { limited, limitOf, parkedOrFailed } from "./attempt.ts";
import type { ConversationDeps } from "./deps.ts";
import { type Ending, endRun } from "./ending.ts";
import { execute } from "./run.ts";
import { type RunSetup, taintOfInput } from "./run-setup.ts";

/** Agents that ask agents that ask agents: further down it is refused. */
const maxDepth = 3;

/** The run that asks, as far as the other one needs it. */
export interface Asking {
  readonly setup: RunSetup;
  /** What the person wrote themselves. */
  readonly request: string;
  readonly taint: Taint;
}

/**
 * Runs the other agent to its end, or goes on where it was left, and returns its answer. Throws RunWaiting where it waits for
 * an approval: the run that asks waits with it.
 */
export async function askAgent(
  deps: ConversationDeps,
  asking: Asking,
  { agent: name, request, callKey }: AgentRequest,
  signal: AbortSignal,
): Promise<string> {
  const { config, caller, open: parent } = asking.setup;
  const agent = config.agents.get(name);
  if (!agent) throw new ClawError("not_found", `There is no agent "${name}".`);
  if (depthOf(caller) + 1 >= maxDepth)
    throw new ClawError("limit_reached", `Agents may ask each other ${maxDepth - 1} deep; this goes further.`);
  const id = derivedId(`agent_ask:${callKey}`);
  const ended = await endedRun(deps.sql, deps.keyring, id);
  if (ended) {
    asking.taint.add(ended.taint);
    if (ended.state === "done") return ended.text;
    throw new ClawError("backend_failed", `${name} did not answer: ${ended.text}`);
  }
  const found = await resumeRun(deps.sql, deps.keyring, id);
  const asked = { id, agent: name, trigger: "agent" as const, parentRunId: parent.run.id };
  const { policyHash } = config;
  const run = { ...parent.run, ...asked, policyHash, promptHash: agent.promptHash };
  const open = found?.open ?? beginRun(deps.sql, deps.keyring, run, []);
  const input = found
    ? ({ kind: "past", past: found.past, images: [] } as const)
    : ({
        kind: "new",
        text: request,
        images: [],
        imageRefs: [],
        history: () => [],
        request: asking.request,
        taint: asking.taint.sources,
      } as const);
  return toAnswer(deps, asking, { ...asking.setup, agent, open, input, preface: "", caller: asking.setup }, signal);
}

async function toAnswer(deps: ConversationDeps, asking: Asking, setup: RunSetup, signal: AbortSignal): Promise<string> {
  const transcript = emptyTranscript();
  const taint = new Taint(taintOfInput(setup.input));
  const began = performance.now();
  const stop = new AbortController();
  const timer = limited(limitOf(setup.agent), stop);
  const work = async (): Promise<Ending | undefined> => {
    try {
      const { text, closing } = await execute(deps, setup, transcript, taint, AbortSignal.any([signal, stop.signal]));
      return { state: "done", text, closing };
    } catch (thrown) {
      return await parkedOrFailed(deps, setup, taint, thrown, stop.signal, signal);
    }
  };
  try {
    const ending = await work();
    if (!ending) throw new RunWaiting([]);
    const silent = { ...setup, destination: undefined };
    const { state, text } = await endRun(deps, silent, transcript, taint, ending, performance.now() - began);
    if (state === "done") return text;
    throw new ClawError("backend_failed", `${setup.agent.name} did not answer: ${text}`, { cause: ending.error });
  } finally {
    clearTimeout(timer);
    // Whatever it read, its answer or its failure is made of.
    asking.taint.add(taint.sources);
  }
}

const depthOf = (caller: RunSetup["caller"]): number => (caller ? 1 + depthOf(caller.caller) : 0);
