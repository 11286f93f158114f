import { questionDecided } from "../../lib/conversation/approval.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Tells what became of a question, and has its run go on. */
export const approvalDecidedTask =
  (deps: ConversationDeps): Task<{ code: string }> =>
  ({ code }) =>
    questionDecided(deps, code);
