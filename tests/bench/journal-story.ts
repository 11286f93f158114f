/** What happens in one run of the generated journal: six to ten events, some denied, refused or failed. */
import type { RunEvent } from "../../lib/agent/events.ts";
import type { ModelAnswer, ToolCall } from "../../lib/agent/model.ts";
import type { TaintSource } from "../../lib/policy/taint.ts";

/** The chances of one run, from the load's seed. */
export interface Choice {
  readonly random: () => number;
  of<Value>(values: readonly Value[]): Value;
}

/** A run's events, and what its row in `runs` says of them. */
export interface Story {
  readonly events: readonly { readonly event: RunEvent; readonly afterMs: number }[];
  readonly state: "done" | "failed" | "cancelled";
  readonly error: string | undefined;
  readonly taint: string | undefined;
  readonly steps: number;
  readonly usage: { inputTokens: number; outputTokens: number; cachedTokens: number; reasoningTokens: number };
  readonly cost: number;
}

const tools = ["web_fetch", "http_get", "notes_search", "calendar_list", "feeds_unread", "tasks_create"] as const;
const backends = [
  { name: "hosted", model: "large-1", served: "large-1-2026-03-01", input: 3e-6, output: 15e-6 },
  { name: "local", model: "small-8b", served: "small-8b", input: 1e-7, output: 4e-7 },
] as const;
const words =
  "the backup of the shelf ran through and nothing is left to do but the upgrade of the second node ".repeat(3);
const callId = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Tells one run. */
export function storyOf(choice: Choice): Story {
  const { random } = choice;
  const events: Story["events"][number][] = [];
  const usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
  let cost = 0;
  let steps = 0;
  const say = (event: RunEvent, afterMs = 3): void => void events.push({ event, afterMs });
  const id = (prefix: string): string => prefix + Array.from({ length: 16 }, () => choice.of([...callId])).join("");
  const backend = random() < 0.8 ? backends[0] : backends[1];
  const ask = (toolCalls: readonly ToolCall[]): void => {
    const answer = answered(choice, { backend, toolCalls, responseId: id("resp_"), requestId: id("req_") });
    const spent = answer.usage;
    usage.inputTokens += spent.inputTokens;
    usage.outputTokens += spent.outputTokens;
    usage.cachedTokens += spent.cachedTokens;
    usage.reasoningTokens += spent.reasoningTokens;
    cost += answer.cost.amount;
    steps += 1;
    say({ type: "llm.requested", backend: backend.name, model: backend.model });
    say({ type: "llm.answered", answer }, answer.milliseconds);
  };
  say(
    {
      type: "run.started",
      messages: [{ role: "user", text: words }],
      images: [],
      tools: [...tools],
      preface: "",
      request: words.slice(0, 90),
      taint: [],
    },
    0,
  );
  const failed = random() < 0.02;
  const call: ToolCall = { id: id("call_"), name: choice.of(tools), arguments: JSON.stringify({ query: words }) };
  const calls = !failed && random() < 0.75;
  const taint: TaintSource[] = calls && call.name === "web_fetch" ? ["tool:web_fetch"] : [];
  if (failed) {
    say({ type: "llm.requested", backend: backend.name, model: backend.model });
    say({ type: "llm.failed", errorType: "backend_failed", reason: "503" }, 900);
  } else {
    if (calls) {
      ask([call]);
      useTool(choice, call, taint, say);
    }
    ask([]);
    if (!calls && random() < 0.7) ask([]);
  }
  const cancelled = !failed && random() < 0.01;
  const state = failed ? "failed" : cancelled ? "cancelled" : "done";
  const error = failed ? "backend_failed" : cancelled ? "cancelled" : undefined;
  say({ type: "run.finished", state, ...(error !== undefined && { errorType: error }), text: words });
  return { events, state, error, taint: taint[0], steps, usage, cost };
}

function useTool(
  { random, of }: Choice,
  call: ToolCall,
  taint: readonly TaintSource[],
  say: (event: RunEvent, afterMs?: number) => void,
): void {
  const denied = random() < 0.05;
  const asked = !denied && random() < 0.05;
  const rule = denied ? "deny tools.web" : asked ? "ask tools.tasks" : "allow tools.read";
  const decision = denied ? "deny" : asked ? "ask" : "allow";
  say({ type: "tool.requested", call, known: true, decision, rule, taint: [] });
  const approved = asked && random() < 0.8;
  if (asked)
    say(
      {
        type: "approval.decided",
        call,
        outcome: approved ? "approved" : "denied",
        approver: approved ? "telegram:1001" : "telegram:1002",
      },
      of([20_000, 45_000, 90_000]),
    );
  const refused = denied || (asked && !approved);
  const outcome = refused ? "denied" : random() < 0.03 ? "error" : "ok";
  const milliseconds = refused ? 0 : 20 + Math.floor(random() * 800);
  say(
    { type: "tool.finished", call, known: true, result: words, outcome, milliseconds, taint: refused ? [] : taint },
    milliseconds,
  );
}

function answered(
  { random }: Choice,
  {
    backend,
    toolCalls,
    ...ids
  }: { backend: (typeof backends)[number]; toolCalls: readonly ToolCall[]; responseId: string; requestId: string },
) {
  const inputTokens = 800 + Math.floor(random() * 6_000);
  const outputTokens = 20 + Math.floor(random() * 600);
  const usage = {
    inputTokens,
    outputTokens,
    cachedTokens: Math.floor(inputTokens * random()),
    reasoningTokens: Math.floor(outputTokens * random() * 0.5),
  };
  const refusal = random() < 0.005;
  return {
    text: words,
    toolCalls,
    finishReason: toolCalls.length > 0 ? "tool_calls" : "stop",
    usage,
    cost: { amount: inputTokens * backend.input + outputTokens * backend.output, source: "config" },
    ...(refusal && { refusal }),
    backend: backend.name,
    requestModel: backend.model,
    model: backend.served,
    ...ids,
    milliseconds: 400 + Math.floor(random() * 4_000),
  } as const satisfies ModelAnswer;
}
