/** One run of an agent for a person, from its first journal entry (or from where a crash left it) to its reply. */
import type { AgentFunction } from "../agent/function.ts";
import type { RunEvent, RunJournal } from "../agent/events.ts";
import { type LoopOptions, type LoopResult, runAgent } from "../agent/loop.ts";
import type { ImagePart, ModelAnswer, ModelMessage } from "../agent/model.ts";
import type { LinkPolicy } from "../channel/links.ts";
import { applyEvent, emptyTranscript, type Transcript } from "../agent/transcript.ts";
import type { Presence } from "../channel/types.ts";
import type { Agent } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { laneOf } from "../ledger/lane.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import type { OpenRun } from "../ledger/runs.ts";
import { type Budget, runBudget } from "../policy/budget.ts";
import { offeredTools } from "../policy/decide.ts";
import { ruleKind } from "../policy/rule-kind.ts";
import { Taint } from "../policy/taint.ts";
import type { ToolHost } from "../agent/tool-call.ts";
import type { AgentRequest, FileToSend } from "../tools/define.ts";
import { attempt, limitOf } from "./attempt.ts";
import { budgetMeter } from "./budget.ts";
import type { ConversationDeps } from "./deps.ts";
import { endRun, failureOf } from "./ending.ts";
import { createLook } from "./look.ts";
import { linkPolicyOf } from "./link-policy.ts";
import { createSendMessage } from "./message.ts";
import { type EndSetup, inputMessages, requestOf, type RunSetup, scopeOf, taintOfInput } from "./run-setup.ts";
import { toFileEntry } from "./reply.ts";
import { createToolHost } from "./tool-host.ts";

/**
 * Runs to the end and commits the reply with the last journal entries; the caller delivers it, beginning with the message
 * returned, if any: that one is claimed already. Throws, leaving the run to be resumed, only where it was interrupted
 * (`signal`), taken over, or the database failed.
 */
export async function runToEnd(
  deps: ConversationDeps,
  setup: RunSetup,
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const transcript = emptyTranscript();
  const taint = new Taint(taintOfInput(setup.input));
  const began = performance.now();
  const limit = limitOf(setup.agent);
  const ending = await attempt(deps, setup, { limit, taint, signal }, (either) =>
    execute(deps, setup, transcript, taint, either),
  );
  if (!ending) return undefined;
  const { claimed } = await endRun(deps, setup, transcript, taint, ending, performance.now() - began);
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
  const { claimed } = await endRun(deps, setup, transcript, new Taint(taintOfInput(setup.input)), ending, 0);
  return claimed;
}

/** A run that is ready to go on: what it may do, and where that is journalled. */
export interface Prepared {
  readonly journal: RunJournal;
  /** What the model is offered. */
  readonly offered: readonly string[];
  /** For the calls that code makes itself. */
  readonly own: ToolHost;
  /** The journalled loop, from where the transcript stands. `opening` is journalled with its first step. */
  readonly loop: (messages: readonly ModelMessage[], opening: readonly RunEvent[]) => Promise<LoopResult>;
}

/** The loop with the tools that the run's scope grants. */
export function prepare(
  deps: ConversationDeps,
  setup: RunSetup,
  transcript: Transcript,
  taint: Taint,
  signal: AbortSignal,
): Prepared {
  const { agent, config, open, presence, input, shared, destination, job } = setup;
  const { id: runId, conversationId, lane } = open.run;
  const { registry, outbox } = deps;
  const links = (): LinkPolicy | undefined => linkPolicyOf(config, agent.name, taint);
  const sendFile = (file: FileToSend): Promise<void> =>
    outbox.add([
      toFileEntry(deps.channels[destination.channel], job ? laneOf(destination) : lane, destination, file, links()),
    ]);
  const sendMessage = createSendMessage(deps, config, agent, links);
  const scope = scopeOf(setup);
  const ask = (asked: AgentRequest): Promise<string> => deps.askAgent(deps, { setup, request, taint }, asked, signal);
  const request = requestOf(input);
  const model = deps.backends.model(
    config,
    agent.backend,
    budgetMeter(deps, {
      config,
      agent,
      run: open.run,
      more: (day) => [...budgetsOfCallers(setup), ...(job?.budgets(day) ?? [])],
    }),
  );
  const journal = watched(open, deps);
  const consulted = async (answer: ModelAnswer): Promise<void> => {
    const event: RunEvent = { type: "llm.consulted", answer };
    applyEvent(transcript, { seq: await journal.append([event]), event });
  };
  const exhausted = (): string | undefined => {
    const { inputTokens = 0, outputTokens = 0 } = transcript.usage;
    return inputTokens + outputTokens >= agent.limits.tokens_per_run
      ? `agents.${agent.name}.limits.tokens_per_run`
      : undefined;
  };
  const reach = { sendFile, sendMessage, askAgent: ask, look: createLook(model, config, consulted) };
  const place = scope.job || scope.caller ? undefined : { lane, destination };
  const { person: principal = open.run.principal, timezone = config.timezone } = job ?? {};
  const tools = { scope, principal, timezone, runId, conversationId, shared, place, request, taint, exhausted, reach };
  const offered = registry.specs(
    offeredTools(
      scope,
      registry.all().filter((tool) => job?.withholds(tool) === undefined),
    ),
  );
  return {
    journal,
    offered: offered.map(({ name }) => name),
    own: createToolHost(deps.sql, registry, tools),
    loop: (messages, opening) =>
      runAgent(
        {
          model,
          tools: createToolHost(deps.sql, registry, { ...tools, withholds: job?.withholds, asks: job?.asks }),
          offered,
          journal,
          limits: { steps: agent.limits.steps, tokens: agent.limits.tokens_per_run },
          signal,
          clock: () => performance.now(),
          onTool: shownBy(presence),
        },
        { messages, opening, transcript },
      ),
  };
}

/** The agent function and the loop; of a run taken up again, the loop from where it was left. */
export async function execute(
  deps: ConversationDeps,
  setup: RunSetup,
  transcript: Transcript,
  taint: Taint,
  signal: AbortSignal,
): Promise<LoopResult> {
  const { agent, config, input } = setup;
  const { loop, offered } = prepare(deps, setup, transcript, taint, signal);
  if (input.kind === "past") {
    for (const recorded of input.past) applyEvent(transcript, recorded);
    return loop(withImages(inputMessages(input.past), input.images), [
      { type: "run.resumed", policyHash: config.policyHash },
    ]);
  }
  return agentFunction(
    deps,
    agent,
  )({
    agent,
    principal: setup.open.run.principal,
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
          tools: offered,
          preface: setup.preface,
          request: input.request,
          taint: taint.sources,
        },
      ]),
  });
}

/** What the runs may cost that asked for this one: it is a part of them. */
const budgetsOfCallers = ({ caller }: RunSetup): Budget[] =>
  caller ? [...runBudget(caller.agent, caller.open.run.id), ...budgetsOfCallers(caller)] : [];

/** The progress line names the tool that began last of those at work. */
function shownBy(presence: Presence): LoopOptions["onTool"] {
  const names: string[] = [];
  return (name, atWork) => {
    if (atWork) names.push(name);
    else names.splice(names.indexOf(name), 1);
    const last = names.at(-1);
    presence.progress(last && `${last} …`);
  };
}

/** Counts tool calls and denials as they are journalled, and lets `observe` know. */
const watched = (open: OpenRun, { metrics, observe }: ConversationDeps): RunJournal => ({
  async append(events) {
    const first = await open.append(events);
    const { agent } = open.run;
    observe?.(open.run, events);
    for (const event of events) {
      if (event.type === "tool.finished")
        metrics.toolCalls.inc({ agent, tool: event.known ? event.call.name : "none of ours", outcome: event.outcome });
      if (event.type === "tool.requested" && event.decision === "deny")
        metrics.denials.inc({ agent, rule: ruleKind(event.rule) });
    }
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

const withoutImages = (message: ModelMessage): ModelMessage =>
  message.role === "user" ? { role: "user", text: message.text } : message;

const withImages = (messages: readonly ModelMessage[], images: readonly ImagePart[]): ModelMessage[] =>
  messages.map((message, index) =>
    index === messages.length - 1 && message.role === "user" && images.length > 0 ? { ...message, images } : message,
  );
