/** Questions to approvers in words. Whatever was written by others is shown as code that it cannot end. */
import type { Destination } from "../channel/types.ts";
import type { NewApproval, StoredApproval } from "../ledger/approvals.ts";
import { inlineCode, shownArguments } from "./visible.ts";

/** A question and its answers fit in one message of either channel. */
const maxArguments = 2_400;
const maxFact = 500;

/** What a question's words depend on besides the call. */
export interface QuestionFacts {
  readonly agent: string;
  /** Who asked the agent. */
  readonly principal: string;
  readonly timezone: string;
  readonly destination: Destination;
  /** Whether a tap beside the question decides it. */
  readonly taps: boolean;
}

type Asked = Pick<NewApproval, "code" | "tool" | "rule" | "shown" | "expiresAt">;

/** A time of today or of another day, as the people of a timezone write it. */
export function shortTime(at: Date, timezone: string, now = new Date()): string {
  const day = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, day: "numeric", month: "short" });
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit" });
  const date = day.format(at) === day.format(now) ? "" : `${day.format(at)} `;
  return `${date}${time.format(at)} (${timezone})`;
}

/** What is asked, as Markdown: the exact call, who asked for it, why it is asked, until when and how to answer. */
export function questionText(
  { agent, principal, timezone, destination, taps }: QuestionFacts,
  { code, tool, rule, shown, expiresAt }: Asked,
): string {
  const mark = destination.channel === "telegram" ? "/" : "!";
  const words = `\`${mark}approve ${code}\` or \`${mark}deny ${code}\``;
  const byWords = destination.channel === "telegram" ? words : `${words}. A reaction does not count here`;
  const byTap = destination.channel === "telegram" ? "Tap a button" : "React with ✅ or ❌";
  return [
    `**Approve?** ${agent} wants to call ${inlineCode(tool)} with`,
    // No line of JSON can be a fence: strings are quoted, and their line breaks escaped.
    `\`\`\`json\n${shownArguments(shown.input, maxArguments)}\n\`\`\``,
    ...(shown.foreseen === undefined ? [] : [`That is: ${inlineCode(shown.foreseen, maxFact)}.`]),
    `Asked by ${inlineCode(principal, maxFact)}. It needs a yes by ${inlineCode(rule, maxFact)}, until ${shortTime(expiresAt, timezone)}.`,
    taps ? `${byTap}, or write ${words}.` : `Write ${byWords}.`,
  ].join("\n\n");
}

/** What the person reads whose chat no approver sees. */
export const waitingText = (
  { agent, timezone }: Pick<QuestionFacts, "agent" | "timezone">,
  { code, tool, expiresAt }: Pick<Asked, "code" | "tool" | "expiresAt">,
): string =>
  `⏸ ${agent} waits for an approver's yes to ${inlineCode(tool)}, until ${shortTime(expiresAt, timezone)} (question \`${code}\`). You can go on writing meanwhile.`;

/** What became of a question that is not pending any more. */
export function outcomeText({
  state,
  tool,
  decidedBy = "",
}: Pick<StoredApproval, "state" | "tool" | "decidedBy">): string {
  const by = decidedBy === "operator" ? "the operator" : inlineCode(decidedBy);
  switch (state) {
    case "approved":
      return `✅ ${inlineCode(tool)} approved by ${by}.`;
    case "denied":
      return `❌ ${inlineCode(tool)} denied by ${by}.`;
    case "expired":
      return `⌛ ${inlineCode(tool)} expired: nobody decided in time.`;
    case "cancelled":
      return `⏹ ${inlineCode(tool)} called off.`;
    case "pending":
      return `⏸ ${inlineCode(tool)} waits for a decision.`;
  }
}
