/** What spans say of runs, under the names of OpenTelemetry's GenAI conventions; ours begin with `openclaw.`. Never what anybody wrote. */
import type { Attributes } from "@opentelemetry/api";
import type { RunEvent } from "../agent/events.ts";
import type { ModelAnswer } from "../agent/model.ts";
import type { Run } from "../ledger/run.ts";

/** Of a span of a run itself. Who asked is left out: traces go to others than the journal. */
export const runAttributes = ({ id, agent, conversationId, trigger, job, policyHash }: Run): Attributes => ({
  "gen_ai.operation.name": "invoke_agent",
  ...ofRun({ agent, conversationId }),
  "openclaw.run.id": id,
  "openclaw.trigger": trigger,
  "openclaw.policy_hash": policyHash,
  ...(job && { "openclaw.job": job.name, "openclaw.job.attempt": job.attempt }),
});

/** Of every span within a run. */
export const ofRun = ({ agent, conversationId }: Pick<Run, "agent" | "conversationId">): Attributes => ({
  "gen_ai.agent.name": agent,
  "gen_ai.conversation.id": conversationId,
});

/** Of a model call that is about to be made. */
export const requestAttributes = (backend: string, model: string): Attributes => ({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": backend,
  "gen_ai.request.model": model,
});

/** Of a model call that was answered. */
export const answerAttributes = (answer: ModelAnswer): Attributes => ({
  "gen_ai.provider.name": answer.backend,
  "gen_ai.response.model": answer.model,
  "gen_ai.response.finish_reasons": [answer.finishReason],
  ...(answer.responseId !== undefined && { "gen_ai.response.id": answer.responseId }),
  ...(answer.requestId !== undefined && { "openclaw.provider_request_id": answer.requestId }),
  ...(answer.usage && {
    "gen_ai.usage.input_tokens": answer.usage.inputTokens,
    "gen_ai.usage.output_tokens": answer.usage.outputTokens,
  }),
  ...(answer.usage?.cachedTokens !== undefined && {
    "gen_ai.usage.cache_read.input_tokens": answer.usage.cachedTokens,
  }),
  ...(answer.usage?.reasoningTokens !== undefined && {
    "gen_ai.usage.reasoning.output_tokens": answer.usage.reasoningTokens,
  }),
  ...(answer.cost && { "openclaw.cost": answer.cost.amount, "openclaw.cost_source": answer.cost.source }),
  ...(answer.refusal && { "openclaw.refusal": true }),
});

/** Of a tool call as it was decided. A name that no tool has is only something a model said. */
export const callAttributes = ({
  call,
  known,
  decision,
  rule,
}: Extract<RunEvent, { type: "tool.requested" }>): Attributes => ({
  "gen_ai.operation.name": "execute_tool",
  ...(known && { "gen_ai.tool.name": call.name }),
  "gen_ai.tool.call.id": call.id,
  "openclaw.decision": decision,
  "openclaw.rule": withoutPeople(rule),
});

/** Rules name people and rooms by their ids, in keys and as what tainted a run. */
const withoutPeople = (rule: string): string => rule.replaceAll(/\b(matrix|telegram):[^\s,"')&]+/g, "$1:…");
