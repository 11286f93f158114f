/** A run's event as a row of the journal: what may be queried in columns, what was said in the sealed payload. */
import { createHash, hash } from "node:crypto";
import type { RunEvent } from "../agent/events.ts";
import { taintColumn } from "../policy/taint.ts";
import type { Sealer } from "../seal.ts";
import type { Run } from "./run.ts";

/** The queryable part of a row, under the column names of drizzle/schema/runs.ts. */
export interface JournalColumns {
  readonly type: RunEvent["type"];
  readonly operation_name?: "chat" | "execute_tool" | "invoke_agent";
  readonly conversation_id?: string;
  readonly agent_name?: string;
  readonly principal?: string;
  readonly trigger?: string;
  readonly job?: string;
  readonly policy_hash?: string;
  readonly prompt_hash?: string;
  readonly provider_name?: string;
  readonly request_model?: string;
  readonly response_model?: string;
  readonly response_id?: string;
  readonly finish_reason?: string;
  readonly provider_request_id?: string;
  readonly tool_name?: string;
  readonly tool_call_id?: string;
  readonly decision?: "allow" | "deny" | "ask";
  readonly rule?: string;
  readonly taint?: string;
  readonly approver?: string;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cached_tokens?: number;
  readonly reasoning_tokens?: number;
  readonly cost?: number;
  readonly cost_source?: "provider" | "config" | "list";
  readonly refusal?: boolean;
  readonly answer_length?: number;
  readonly error_type?: string;
  readonly duration_ms?: number;
}

/** A row ready to be written. Bytes are in base64: rows travel to PostgreSQL as one JSON parameter. */
export interface JournalRow extends JournalColumns {
  readonly run_id: string;
  readonly seq: number;
  readonly at: string;
  readonly payload: string | null;
  readonly prev_hash: string;
  readonly hash: string;
}

/** The chain's start. */
export const noHash: Uint8Array = new Uint8Array(32);

/** The associated data of a sealed journal payload. */
export const journalSeal = (runId: string, seq: number): string => `journal:${runId}:${seq}`;

/**
 * Seals and chains one event. hash = SHA-256(prev hash | canonical metadata as JSON with sorted keys |
 * SHA-256(sealed payload)): payloads can be erased without breaking the chain.
 */
export function toJournalRow(
  place: { run: Run; seq: number; at: Date; previous: Uint8Array },
  event: RunEvent,
  seal: Sealer,
): { row: JournalRow; hash: Uint8Array } {
  const { run, seq, previous } = place;
  const runId = run.id;
  const { columns, payload } = columnsOf(event, run);
  const sealed = payload === undefined ? undefined : seal.sealJson(payload, journalSeal(runId, seq));
  const facts = { ...columns, run_id: runId, seq, at: place.at.toISOString() };
  const linked = chainHash(previous, facts, sealed);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const row = { ...facts, payload: sealed ? base64(sealed) : null, prev_hash: base64(previous), hash: base64(linked) };
  return { row, hash: linked };
}

/** The hash of one row over its predecessor's; `facts` holds the columns that are not null. */
export const chainHash = (previous: Uint8Array, facts: object, sealed: Uint8Array | undefined): Uint8Array =>
  linkHash(previous, JSON.stringify(facts, Object.keys(facts).sort()), sealed);

/** The same where the facts are JSON already, keys sorted. */
export function linkHash(previous: Uint8Array, canonical: string, sealed: Uint8Array | undefined): Buffer {
  const payload = hash("sha256", sealed ?? noBytes, "buffer");
  return createHash("sha256").update(previous).update(canonical).update(payload).digest();
}

const noBytes = new Uint8Array();

function columnsOf(event: RunEvent, run: Run): { columns: JournalColumns; payload?: unknown } {
  switch (event.type) {
    case "run.started": {
      const { type, taint, ...payload } = event;
      return { columns: { type, operation_name: "invoke_agent", ...whatItIs(run), ...tainted(taint) }, payload };
    }
    case "run.resumed":
      return { columns: { type: event.type, operation_name: "invoke_agent", rule: `policy ${event.policyHash}` } };
    case "run.waiting":
      return { columns: { type: event.type, operation_name: "invoke_agent" } };
    case "llm.requested":
      return {
        columns: { type: event.type, operation_name: "chat", provider_name: event.backend, request_model: event.model },
      };
    case "llm.answered":
    case "llm.consulted": {
      const { text, toolCalls, usage, cost, ...answer } = event.answer;
      return {
        columns: {
          type: event.type,
          operation_name: "chat",
          provider_name: answer.backend,
          ...(answer.requestModel !== undefined && { request_model: answer.requestModel }),
          response_model: answer.model,
          ...(answer.responseId !== undefined && { response_id: answer.responseId }),
          ...(answer.requestId !== undefined && { provider_request_id: answer.requestId }),
          finish_reason: answer.finishReason,
          ...(usage && { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens }),
          ...(usage?.cachedTokens !== undefined && { cached_tokens: usage.cachedTokens }),
          ...(usage?.reasoningTokens !== undefined && { reasoning_tokens: usage.reasoningTokens }),
          ...(cost && { cost: cost.amount, cost_source: cost.source }),
          ...(answer.refusal && { refusal: true }),
          duration_ms: Math.round(answer.milliseconds),
        },
        payload: { text, toolCalls },
      };
    }
    case "llm.failed":
      return {
        columns: { type: event.type, operation_name: "chat", error_type: event.errorType },
        payload: { reason: event.reason },
      };
    case "tool.requested":
      return {
        columns: {
          type: event.type,
          operation_name: "execute_tool",
          ...(event.known && { tool_name: event.call.name }),
          tool_call_id: event.call.id,
          decision: event.decision,
          rule: event.rule,
          ...tainted(event.taint),
        },
        payload: { name: event.call.name, arguments: event.call.arguments },
      };
    case "approval.decided":
      return {
        columns: {
          type: event.type,
          operation_name: "execute_tool",
          tool_name: event.call.name,
          tool_call_id: event.call.id,
          decision: event.outcome === "approved" ? "allow" : "deny",
          rule: `approval ${event.outcome}`,
          ...(event.approver !== "" && { approver: event.approver }),
        },
        payload: { name: event.call.name, arguments: event.call.arguments },
      };
    case "tool.finished":
      return {
        columns: {
          type: event.type,
          operation_name: "execute_tool",
          ...(event.known && { tool_name: event.call.name }),
          tool_call_id: event.call.id,
          ...(event.outcome !== "ok" && { error_type: event.outcome }),
          duration_ms: event.milliseconds,
          ...tainted(event.taint),
        },
        payload: {
          name: event.call.name,
          arguments: event.call.arguments,
          result: event.result,
          ...(event.data !== undefined && { data: event.data }),
        },
      };
    case "run.finished":
      return {
        columns: {
          type: event.type,
          operation_name: "invoke_agent",
          finish_reason: event.state,
          answer_length: event.text.length,
          ...(event.errorType && { error_type: event.errorType }),
        },
        payload: { text: event.text },
      };
  }
}

/** The run as it began: its row in `runs` can be changed, this cannot. */
const whatItIs = (run: Run): Partial<JournalColumns> => ({
  conversation_id: run.conversationId,
  agent_name: run.agent,
  principal: run.principal,
  trigger: run.trigger,
  ...(run.job && { job: run.job.name }),
  policy_hash: run.policyHash,
  prompt_hash: run.promptHash,
});

const tainted = (sources: readonly string[]): { taint?: string } => {
  const taint = taintColumn(sources);
  return taint === null ? {} : { taint };
};
