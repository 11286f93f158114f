/** What answers to questions do, and what is told of them. Who asks the approvers: park.ts; in which words: question.ts. */
import { checkpoint } from "../checkpoint.ts";
import type { Command, Principal } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import { decideApproval, findApproval, goOn } from "../ledger/approvals.ts";
import { saidUnder } from "../ledger/outbox.ts";
import { mayApprove } from "../policy/access.ts";
import type { ConversationDeps } from "./deps.ts";
import { outcomeText } from "./question.ts";
import { toEntries } from "./reply.ts";
import { visible } from "./visible.ts";

/** The outbox key of a question where its run was asked for; its message is `key:0`. */
export const questionKey = (code: string): string => `approval:${code}`;

/** The outbox key of the same question in the operator's place. */
export const operatorKey = (code: string): string => `approval:${code}:operator`;

/** What became of an answer, and what is said to who gave it. */
export interface Answered {
  /** `late`: it was decided before, or has expired; `refused`: not for this person, or no question at all. */
  readonly outcome: "decided" | "late" | "refused";
  readonly code: string;
  readonly text: string;
  /** Decided: it is told there in any case. */
  readonly toldIn: readonly string[];
}

/** A person's answer to a question. Who may give it is looked up now: groups may have changed since it was asked. */
export async function answerQuestion(
  deps: Pick<ConversationDeps, "sql" | "keyring" | "metrics">,
  config: Config,
  principal: Principal,
  answer: Extract<Command["name"], "approve" | "deny">,
  argument: string,
): Promise<Answered> {
  const { sql, keyring, metrics } = deps;
  const code = argument.trim().toLowerCase();
  const found = await findApproval(sql, keyring.bodies, code);
  // One text for both: a stranger learns nothing of what there is.
  if (!found || !mayApprove(config, principal, found.agent)) {
    metrics.approvals.inc({ agent: found?.agent ?? "none", outcome: "refused" });
    const shown = visible(code.slice(0, 20)).replaceAll("`", "");
    return { outcome: "refused", code, text: `There is no question \`${shown}\` that you may answer.`, toldIn: [] };
  }
  const decided = await decideApproval(sql, code, answer === "approve" ? "approved" : "denied", principal);
  checkpoint("approval.decided");
  const now = (await findApproval(sql, keyring.bodies, code)) ?? found;
  if (!decided) return { outcome: "late", code, text: `Already decided: ${outcomeText(now)}`, toldIn: [] };
  const asked = await saidUnder(sql, keyring.bodies, messagesOf(code));
  return { outcome: "decided", code, text: outcomeText(now), toldIn: asked.map(({ lane }) => lane) };
}

/** After a question was decided, wherever that was: tells it where it was asked, and has its run go on. May be repeated. */
export async function questionDecided(deps: ConversationDeps, code: string): Promise<void> {
  const { sql, keyring, outbox, channels, metrics } = deps;
  const found = await findApproval(sql, keyring.bodies, code);
  if (!found || found.state === "pending") return;
  const line = outcomeText(found);
  const asked = await saidUnder(sql, keyring.bodies, messagesOf(code));
  const amended = asked.filter(({ destination }) => channels[destination.channel].amend !== undefined);
  // Where a run is stopped it says so itself.
  const said = asked.filter(
    (each) => !amended.includes(each) && !(found.state === "cancelled" && each.lane === found.lane),
  );
  await outbox.add(
    said.flatMap(({ key, lane, destination }) =>
      toEntries(channels[destination.channel], lane, destination, `${key}:${found.state}`, line),
    ),
  );
  checkpoint("approval.told");
  await wakeRun(deps, found.runId);
  metrics.approvals.inc({ agent: found.agent, outcome: found.state });
  await Promise.all(
    amended.map(async ({ destination, remoteId, body }) => {
      if (remoteId !== undefined) await channels[destination.channel].amend?.(destination, remoteId, body, line);
    }),
  );
}

const messagesOf = (code: string): string[] => [questionKey(code), operatorKey(code)].map((key) => `${key}:0`);

/** Has a run that waits go on, if nothing of it is pending any more. */
export async function wakeRun({ sql, wake }: Pick<ConversationDeps, "sql" | "wake">, runId: string): Promise<void> {
  const lane = await goOn(sql, runId);
  if (lane !== undefined) wake(lane);
}
