/** Reactions that answer questions to approvers. Pure. */
import type { Command, InboundMessage } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import type { InboxEntry } from "../ledger/inbox.ts";
import { type AskedQuestion, eventSource } from "../ledger/matrix-events.ts";
import type { Seat } from "../ledger/matrix-rooms.ts";
import { agentsFor, isApprover } from "../policy/access.ts";
import { matrixPrincipal, mayBeIn, roomFor } from "./admit.ts";
import type { MatrixEvent, MatrixReaction } from "./event.ts";
import { agentOf } from "./ids.ts";

/** What stands for yes and no. */
export const yes = "✅";
export const no = "❌";

const answers: ReadonlyMap<string, Extract<Command["name"], "approve" | "deny">> = new Map([
  [yes, "approve"],
  [no, "deny"],
]);

/** Clients differ in whether they put the variation selector of emojis behind it. */
const answerOf = ({ key }: MatrixReaction) => answers.get(key.replace(/\ufe0f$/, ""));

/** Whether a reaction would answer, were it on a question. */
export const isAnswer = (event: MatrixEvent): event is MatrixReaction =>
  event.kind === "reaction" && answerOf(event) !== undefined;

/**
 * The command that a reaction on a question stands for, where the agent that asked is still there. Only its sender's full id
 * counts (GHSA-9vvh-2768-c8vp, CVE-2026-28471); whether they may decide is looked up when it is worked on.
 */
export function answerByReaction(
  config: Config,
  reaction: MatrixReaction,
  question: AskedQuestion,
  seats: readonly Seat[],
): InboxEntry | undefined {
  const { eventId, room, sender, target, sentAt } = reaction;
  const { code, lane, user, thread } = question;
  const name = answerOf(reaction);
  const agent = agentOf(config, user);
  const seat = seats.find((each) => each.user === user);
  if (!name || !agent || !seat || question.room !== room || !mayBeIn(config, agent, room, seat)) return undefined;
  const principal = matrixPrincipal(sender);
  const basis = { source: eventSource(eventId, user), channel: "matrix", lane, principal } as const;
  if (
    agentsFor(config, principal, "matrix", roomFor(config, room, seat)).length === 0 &&
    !isApprover(config, principal)
  )
    return { ...basis, kind: "other", state: "denied", reason: "reaction of somebody no group names" };
  // The homeserver sees what a reaction is put on, and could make one up.
  if (seat.encrypted && !config.approvals.reactions)
    return { ...basis, kind: "other", state: "refused", reason: "approvals.reactions is off in encrypted rooms" };
  const body: InboundMessage = {
    principal,
    text: "",
    command: { name, argument: code },
    tap: eventId,
    attachments: [],
    destination: { channel: "matrix", user, room, ...(thread !== undefined && { thread }), replyTo: target },
    shared: true,
    sentAt,
  };
  return { ...basis, kind: "control", state: "new", body };
}
