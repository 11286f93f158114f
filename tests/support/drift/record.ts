/** Writes recorded runs as the gateway writes them. */
import type { RunEvent } from "../../../lib/agent/events.ts";
import type { ModelAnswer } from "../../../lib/agent/model.ts";
import type { Sql } from "../../../lib/db/client.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import type { Keyring } from "../../../lib/seal.ts";
import type { RecordedCall, RecordedRun } from "./traffic.ts";

/** Begins and ends each through the ledger; when it began is then set back to when it was. */
export async function record(
  sql: Sql,
  keyring: Keyring,
  runs: readonly RecordedRun[],
  of: { readonly agent: string; readonly job?: string },
): Promise<void> {
  for (const recorded of runs) {
    const { id, conversationId, startedAt, promptHash, policyHash, calls, failed } = recorded;
    const open = beginRun(
      sql,
      keyring,
      {
        id,
        conversationId,
        lane: `telegram:main:${conversationId}`,
        agent: of.agent,
        principal: "telegram:1001",
        trigger: of.job === undefined ? "chat" : "job",
        job: of.job === undefined ? undefined : { name: of.job, slot: startedAt, attempt: 1 },
        promptHash,
        policyHash,
      },
      [],
    );
    await open.append([
      { type: "run.started", messages: [], images: [], tools: [], preface: "", request: "", taint: [] },
      ...calls.flatMap((call, step): RunEvent[] => [
        { type: "llm.requested", backend: "local", model: "gpt-5-mini" },
        { type: "llm.answered", answer: answerOf(recorded, call) },
        // All of its tools are called by the first answer.
        ...(step === 0 ? toolEvents(recorded) : []),
      ]),
    ]);
    const sum = (value: (call: RecordedCall) => number): number =>
      calls.reduce((total, call) => total + value(call), 0);
    const state = failed ? "failed" : "done";
    await open.close(
      [{ type: "run.finished", state, text: "x".repeat(recorded.answerLength), ...(failed && { errorType: "backend_failed" }) }],
      {
        state,
        ...(failed && { error: "backend_failed" }),
        steps: calls.length,
        usage: {
          inputTokens: calls.length > 0 ? sum((call) => call.input) : undefined,
          outputTokens: calls.length > 0 ? sum((call) => call.output) : undefined,
          cachedTokens: undefined,
          reasoningTokens: undefined,
        },
        cost: calls.length > 0 ? sum((call) => call.cost) : undefined,
        taint: [],
        turn: undefined,
        outbox: [],
        sender: undefined,
      },
    );
    const seconds = sum((call) => call.ms) / 1_000;
    await sql`
      update runs set started_at = ${startedAt}, finished_at = ${startedAt}::timestamptz + make_interval(secs => ${seconds})
      where id = ${id}`;
  }
}

const answerOf = ({ model }: RecordedRun, call: RecordedCall): ModelAnswer => ({
  text: "",
  toolCalls: [],
  finishReason: "stop",
  usage: { inputTokens: call.input, outputTokens: call.output, cachedTokens: undefined },
  cost: { amount: call.cost, source: "list" },
  ...(call.refusal && { refusal: true }),
  backend: "local",
  requestModel: "gpt-5-mini",
  model,
  responseId: undefined,
  requestId: undefined,
  milliseconds: call.ms,
});

const toolEvents = ({ tools }: RecordedRun): RunEvent[] =>
  tools.flatMap(({ name, ms, outcome }, at): RunEvent[] => {
    const call = { id: `call_${at}`, name, arguments: "{}" };
    const decision = outcome === "denied" ? "deny" : outcome === "refused" ? "ask" : "allow";
    return [
      { type: "tool.requested", call, known: true, decision, rule: "test", taint: [] },
      ...(outcome === "refused"
        ? [{ type: "approval.decided", call, outcome: "denied", approver: "telegram:1001" } as const]
        : []),
      {
        type: "tool.finished",
        call,
        known: true,
        result: "",
        outcome: outcome === "refused" ? "denied" : outcome,
        milliseconds: ms,
        taint: [],
      },
    ];
  });
