/** Approvals as people see them, and what their answers do. */
import { codeBlock, codeSpan } from "../channel/code.ts";
import type { Command, Principal } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import { decideApproval, expireApproval, findApproval, goOn, type NewApproval } from "../ledger/approvals.ts";
import type { Run } from "../ledger/runs.ts";
import { mayApprove } from "../policy/access.ts";
import type { ConversationDeps } from "./deps.ts";

/** What is asked, as Markdown: the exact call, who asked for it and why it is asked. */
export const questionText = (
  { agent, principal }: Run,
  { code, tool, rule, shown, expiresAt }: Omit<NewApproval, "seq" | "callHash">,
): string =>
  [
    `**Approve?** ${agent} wants to call \`${tool}\` with`,
    codeBlock(visibleJson(shown.input), "json"),
    `Asked by ${codeSpan(principal)}. Why it needs a yes: ${rule}. It expires at ${expiresAt.toISOString()}.`,
    `Answer with \`approve ${code}\` or \`deny ${code}\`.`,
  ].join("\n\n");

/** JSON in which what cannot be seen, or would turn what follows around, stands as its escape: the same value still. */
const visibleJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replaceAll(
    /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\u2028\u2029]/gu,
    (character) => (character === "\n" ? character : escaped(character)),
  );

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");

type ApprovalDeps = Pick<ConversationDeps, "sql" | "keyring" | "wake">;

/** A person's answer to a question. Who may give it is looked up now: groups may have changed since it was asked. */
export async function answerQuestion(
  deps: ApprovalDeps,
  config: Config,
  principal: Principal,
  answer: Extract<Command["name"], "approve" | "deny">,
  argument: string,
): Promise<string> {
  const code = argument.trim().toLowerCase();
  const found = await findApproval(deps.sql, deps.keyring.bodies, code);
  // One text for both: a stranger learns nothing of what there is.
  if (!found || !mayApprove(config, principal, found.agent))
    return `There is no question "${code.slice(0, 20)}" that you may answer.`;
  const decided = await decideApproval(deps.sql, code, answer === "approve" ? "approved" : "denied", principal);
  if (!decided) {
    const { state, decidedBy } = (await findApproval(deps.sql, deps.keyring.bodies, code)) ?? found;
    return `It is ${state} already${decidedBy === undefined ? "" : ` (by \`${decidedBy}\`)`}; nothing was changed.`;
  }
  await wakeRun(deps, found.runId);
  return answer === "approve" ? `Approved: \`${found.tool}\`.` : `Denied: \`${found.tool}\`.`;
}

/** Ends a question that is too old, and lets its run go on without it. */
export async function expireQuestion(deps: ApprovalDeps, code: string): Promise<void> {
  const runId = await expireApproval(deps.sql, code);
  if (runId !== undefined) await wakeRun(deps, runId);
}

/** Has a run that waits go on, if nothing of it is pending any more. */
export async function wakeRun({ sql, wake }: Pick<ApprovalDeps, "sql" | "wake">, runId: string): Promise<void> {
  const lane = await goOn(sql, runId);
  if (lane !== undefined) wake(lane);
}
