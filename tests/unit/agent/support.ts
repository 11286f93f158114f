/** A two-tool run in memory: a model that follows from what it is shown, tools that count, a journal that is an array. */
import { z } from "zod";
import type { RecordedEvent, RunEvent } from "../../../lib/agent/events.ts";
import { runAgent } from "../../../lib/agent/loop.ts";
import type { Model, ModelAnswer, ModelMessage, ToolCall } from "../../../lib/agent/model.ts";
import type { ToolHost } from "../../../lib/agent/tool-call.ts";
import { applyEvent, emptyTranscript, type Transcript } from "../../../lib/agent/transcript.ts";
import { defineTool, type Effect, type Tool } from "../../../lib/tools/define.ts";
import { decided } from "../../support/granted.ts";
import { ToolRegistry } from "../../../lib/tools/registry.ts";

export const answer = (more: Partial<ModelAnswer>): ModelAnswer => ({
  text: "",
  toolCalls: [],
  finishReason: "stop",
  usage: { inputTokens: 10, outputTokens: 5, cachedTokens: undefined },
  backend: "main",
  model: "fake",
  responseId: undefined,
  requestId: undefined,
  milliseconds: 1,
  ...more,
});

export const call = (id: string, name: string, args: object | string = {}): ToolCall => ({
  id,
  name,
  arguments: typeof args === "string" ? args : JSON.stringify(args),
});

/** Tools by name and effect; `keyed` does nothing the second time it is given a key. */
export function countingTools(effects: Record<string, Effect>) {
  const executions = new Map<string, number>();
  const keys = new Set<string>();
  const tools = Object.entries(effects).map(
    ([name, effect]) =>
      defineTool({
        name,
        description: "counts",
        input: z.strictObject({ n: z.int().default(0) }),
        labels: ["act"],
        effect,
        timeoutMs: 1000,
        outputLimit: 100,
        async run({ n }, { callKey }) {
          keys.add(`${name} ${callKey}`);
          executions.set(name, (executions.get(name) ?? 0) + 1);
          return `${name} did ${n}`;
        },
      }) as Tool,
  );
  return { registry: new ToolRegistry(tools), executions, keys };
}

/** Runs a script from where `past` ends; the journal it leaves behind holds the past too. */
export async function play(options: {
  script: (shown: readonly ModelMessage[]) => ModelAnswer;
  tools: ReturnType<typeof countingTools>;
  past?: readonly RecordedEvent[];
  denied?: readonly string[];
  limits?: { steps: number; tokens: number };
  /** Instead of the host's own. */
  host?: Partial<ToolHost>;
  /** Where the journal is kept, for runs that do not come to their end. */
  journal?: RecordedEvent[];
}): Promise<{ journal: RecordedEvent[]; asked: number; transcript: Transcript; text: string }> {
  const journal: RecordedEvent[] = options.journal ?? [];
  journal.push(...(options.past ?? []));
  const append = async (events: readonly RunEvent[]): Promise<number> => {
    const first = journal.length;
    for (const event of events) journal.push({ seq: journal.length, event });
    return first;
  };
  let asked = 0;
  const model: Model = {
    backend: "main",
    model: "fake",
    takesImages: false,
    async complete({ messages }) {
      asked += 1;
      return options.script(messages);
    },
  };
  const host: ToolHost = {
    find: (name) => options.tools.registry.get(name),
    decide(name, { ready }) {
      const tool = options.tools.registry.get(name);
      if (!tool) return { decision: { decision: "deny", rule: "test" }, granted: undefined };
      const { decision, granted } = decided({ tool, input: ready?.input ?? {} }, options.denied);
      return { decision, granted: ready && granted };
    },
    taint: [],
    addTaint: () => {},
    answer: async () => ({ state: "pending", asked: false }),
    context: (callKey, signal) => ({
      principal: "telegram:1",
      agent: "ops",
      conversationId: "c",
      shared: false,
      timezone: "UTC",
      now: () => new Date(0),
      callKey,
      signal,
      taint: [],
      addTaint: () => {},
      sendFile: async () => {},
      askAgent: () => Promise.reject(new Error("nobody to ask")),
      sendMessage: async () => {},
    }),
    ...options.host,
  };
  const transcript = emptyTranscript();
  for (const recorded of journal) applyEvent(transcript, recorded);
  const input: ModelMessage[] = [{ role: "user", text: "go" }];
  const opening: RunEvent[] =
    journal.length > 0
      ? [{ type: "run.resumed", policyHash: "0f" }]
      : [{ type: "run.started", messages: input, images: [], tools: [], preface: "", request: "go", taint: [] }];
  const result = await runAgent(
    {
      model,
      tools: host,
      offered: [],
      journal: { append },
      limits: options.limits ?? { steps: 10, tokens: 10_000 },
      signal: new AbortController().signal,
      clock: () => 0,
      onTool: () => {},
    },
    { messages: input, opening, transcript },
  );
  await append(result.closing);
  return { journal, asked, transcript, text: result.text };
}
