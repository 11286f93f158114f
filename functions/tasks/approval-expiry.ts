import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import { expireApproval } from "../../lib/ledger/approvals.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Ends a question that nobody decided in time. */
export const approvalExpiryTask =
  (deps: Pick<ConversationDeps, "sql">): Task<{ code: string }> =>
  ({ code }) =>
    expireApproval(deps.sql, code);
