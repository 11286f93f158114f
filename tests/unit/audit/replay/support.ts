/** Journals of runs, made in memory as the loop makes them. */
import type { RecordedEvent, RunEvent } from "../../../../lib/agent/events.ts";
import type { ModelAnswer, ToolCall } from "../../../../lib/agent/model.ts";
import { answer, call } from "../../agent/support.ts";

/** A call as a journal has it, by default allowed and done. */
export interface MadeCall {
  readonly name: string;
  readonly args?: object | string;
  readonly decision?: "allow" | "deny" | "ask";
  readonly approval?: "approved" | "denied";
  readonly outcome?: "ok" | "error" | "denied" | "unknown";
  readonly result?: string;
  readonly taint?: readonly string[];
}

/** A run of one round of calls and an answer. */
export function journalOf(made: readonly MadeCall[], text: string, more: Partial<ModelAnswer> = {}): RecordedEvent[] {
  const calls = made.map(({ name, args }, index): ToolCall => call(`c${index}`, name, args));
  const asked: RunEvent = { type: "llm.requested", backend: "main", model: "fake" };
  const events: RunEvent[] = [
    {
      ...{
        type: "run.started",
        messages: [{ role: "user", text: "hello" }],
        images: [],
        preface: "",
        request: "hello",
      },
      ...{ tools: [...new Set(made.map(({ name }) => name))], taint: ["quoted"] },
    },
    ...(made.length > 0
      ? [asked, { type: "llm.answered", answer: answer({ toolCalls: calls, ...more }) } as const]
      : []),
    ...made.map(({ decision = "allow" }, index): RunEvent => {
      const rule = `rule of ${decision}`;
      return { type: "tool.requested", call: calls[index]!, known: true, decision, rule, taint: ["quoted"] };
    }),
    ...made.flatMap(({ approval, outcome = "ok", result = "", taint = ["quoted"] }, index): RunEvent[] => [
      ...(approval
        ? [{ type: "approval.decided", call: calls[index]!, outcome: approval, approver: "me" } as const]
        : []),
      { type: "tool.finished", call: calls[index]!, known: true, outcome, result, milliseconds: 1, taint },
    ]),
    asked,
    { type: "llm.answered", answer: answer({ text, ...more }) },
    { type: "run.finished", state: "done", text },
  ];
  return events.map((event, seq) => ({ seq, event }));
}
