/** A stored row of the journal read back as the run's event. */
import type { RecordedEvent, RunEvent } from "../agent/events.ts";
import { ClawError } from "../errors.ts";
import { taintSources } from "../policy/taint.ts";
import type { Sealer } from "../seal.ts";
import { type JournalColumns, journalSeal } from "./journal-row.ts";

const outcomes = ["error", "denied", "unknown"] as const;
const decisions = ["allow", "ask"] as const;
const answers = ["approved", "expired", "cancelled"] as const;

/** A row as PostgreSQL returns it. */
export type StoredJournalRow = { [Key in keyof JournalColumns]: JournalColumns[Key] | null } & {
  readonly type: RunEvent["type"];
  readonly seq: number;
  readonly payload: Uint8Array | null;
};

/** Opens a stored row again. Throws ClawError `environment` where the payload cannot be opened. */
export function fromJournalRow(runId: string, row: StoredJournalRow, seal: Sealer): RecordedEvent {
  const payload = (row.payload ? seal.openJson(row.payload, journalSeal(runId, row.seq)) : {}) as Record<string, never>;
  return { seq: row.seq, event: eventOf(row, payload) };
}

function eventOf(row: StoredJournalRow, payload: Record<string, never>): RunEvent {
  const text = (value: string | null | undefined): string => value ?? "";
  const call = { id: text(row.tool_call_id), name: text(payload["name"]), arguments: text(payload["arguments"]) };
  switch (row.type) {
    case "run.started":
      return {
        type: row.type,
        messages: payload["messages"] ?? [],
        images: payload["images"] ?? [],
        tools: payload["tools"] ?? [],
        preface: text(payload["preface"]),
        request: text(payload["request"]),
        ...(payload["job"] !== undefined && { job: payload["job"] }),
        taint: taintSources(row.taint),
      };
    case "run.resumed":
      return { type: row.type, policyHash: text(row.rule).replace(/^policy /, "") };
    case "run.waiting":
      return { type: row.type };
    case "llm.requested":
      return { type: row.type, backend: text(row.provider_name), model: text(row.request_model) };
    case "llm.answered":
    case "llm.consulted":
      return {
        type: row.type,
        answer: {
          text: text(payload["text"]),
          toolCalls: payload["toolCalls"] ?? [],
          finishReason: text(row.finish_reason),
          usage:
            row.input_tokens === null || row.input_tokens === undefined
              ? undefined
              : {
                  inputTokens: row.input_tokens,
                  outputTokens: row.output_tokens ?? 0,
                  cachedTokens: row.cached_tokens ?? undefined,
                  ...(typeof row.reasoning_tokens === "number" && { reasoningTokens: row.reasoning_tokens }),
                },
          ...(typeof row.cost === "number" &&
            row.cost_source && { cost: { amount: row.cost, source: row.cost_source } }),
          ...(row.refusal && { refusal: true }),
          ...(typeof row.request_model === "string" && { requestModel: row.request_model }),
          backend: text(row.provider_name),
          model: text(row.response_model),
          responseId: row.response_id ?? undefined,
          requestId: row.provider_request_id ?? undefined,
          milliseconds: row.duration_ms ?? 0,
        },
      };
    case "llm.failed":
      return { type: row.type, errorType: text(row.error_type), reason: text(payload["reason"]) };
    case "tool.requested":
      return {
        type: row.type,
        call,
        known: typeof row.tool_name === "string",
        decision: decisions.find((decision) => decision === row.decision) ?? "deny",
        rule: text(row.rule),
        taint: taintSources(row.taint),
      };
    case "approval.decided":
      return {
        type: row.type,
        call,
        outcome: answers.find((outcome) => row.rule === `approval ${outcome}`) ?? "denied",
        approver: text(row.approver),
      };
    case "tool.finished":
      return {
        type: row.type,
        call,
        known: typeof row.tool_name === "string",
        result: text(payload["result"]),
        ...(payload["data"] !== undefined && { data: payload["data"] }),
        outcome: outcomes.find((outcome) => outcome === row.error_type) ?? "ok",
        milliseconds: row.duration_ms ?? 0,
        taint: taintSources(row.taint),
      };
    case "run.finished":
      return {
        type: row.type,
        state: row.finish_reason === "failed" || row.finish_reason === "cancelled" ? row.finish_reason : "done",
        ...(row.error_type && { errorType: row.error_type }),
        text: text(payload["text"]),
      };
    default:
      throw new ClawError(
        "environment",
        `journal ${text(row.type)}: not a type this version knows; was a newer version running?`,
      );
  }
}
