import { expireQuestion } from "../../lib/conversation/approval.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Ends a question that nobody decided in time. */
export const approvalExpiryTask =
  (deps: ConversationDeps): Task<{ code: string }> =>
  ({ code }) =>
    expireQuestion(deps, code);
