/** All that the page can change: a question is decided, a job is run again. Each as the operator, and logged. */
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import { ClawError } from "../../lib/errors.ts";
import { askForSlot } from "../../lib/jobs/ask.ts";
import { decideApproval, findApproval } from "../../lib/ledger/approvals.ts";

type ActDeps = Pick<ConversationDeps, "config" | "sql" | "keyring" | "wake" | "log">;

const states = { approve: "approved", deny: "denied" } as const;

/** Decides a question. One that is over stays as it is. Throws ClawError where there is none, or no such answer. */
export async function answerAsOperator({ sql, keyring, log }: ActDeps, code: string, answer: unknown): Promise<void> {
  if (answer !== "approve" && answer !== "deny")
    throw new ClawError("bad_request", 'a question is answered by "approve" or "deny"');
  const found = await findApproval(sql, keyring.bodies, code);
  if (!found) throw new ClawError("not_found", "there is no such question");
  const decided = await decideApproval(sql, found.code, states[answer], "operator");
  log.info({ question: found.code, run: found.runId, answer, decided }, "answered on the ops page");
}

/** Runs the slot of a job that is due once more. Throws ClawError where there is no such job, or none is due. */
export async function rerunJob({ config, sql, wake, log }: ActDeps, name: string): Promise<void> {
  const job = config().jobs.get(name);
  if (!job) throw new ClawError("not_found", "the config has no such job");
  const { created, slot } = await askForSlot({ sql, wake }, { job, cause: "hand", rerun: true });
  log.info({ job: name, slot: slot.slot, attempt: slot.attempt, created }, "run again on the ops page");
}
