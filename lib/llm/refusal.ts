/** Whether a model declined to answer: a provider says so, or a short English answer begins by declining. */
import type { ToolCall } from "../agent/model.ts";

const longest = 600;

const apology =
  /^(?:(?:(?:i'm|i am)(?: (?:very|really|so|truly))? sorry|(?:my )?apologies|i apologi[sz]e|sorry|unfortunately)[\s,.;:!–—-]*(?:but |however,? )?)?/;
const declining = new RegExp(
  `${apology.source}(?:${[
    // "with", "you" or an end: "I can't help noticing" declines nothing.
    String.raw`(?:i can't|i cannot|i can not|i won't|i will not|i am unable to|i'm unable to|i am not able to|i'm not able to) (?:help(?: you)?(?: with|[.!,;]|$)|assist|comply|fulfil|participate in|engage (?:in|with)|(?:provide|give|offer) (?:you )?(?:with )?(?:instructions|guidance|advice on|assistance|(?:that|this|such) (?:kind|type|sort|information|content))|(?:create|generate|write|produce|share|discuss) (?:that|this|such|content|material)\b)`,
    String.raw`i(?: must|'ll have to| have to| need to)? (?:respectfully |politely )?decline(?: to\b|[.!,;]| (?:this|that|your) request|$)`,
    String.raw`(?:i can't|i cannot|i am unable to|i'm unable to) (?:do|answer) (?:that|this) (?:request|question)\b`,
  ].join("|")})`,
);

/**
 * Meant to be precise: an answer that only says what a tool did not find, or why something failed, is none. A refusal in
 * other words, or in another language, is not seen.
 */
export function declines(text: string): boolean {
  const said = text.trim();
  return said.length <= longest && declining.test(said.toLowerCase().replaceAll("’", "'"));
}

/** Whether an answer is a refusal. `said`: the provider has marked it as one. */
export const isRefusal = (answer: {
  readonly said: boolean;
  readonly finishReason: string;
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
}): boolean =>
  answer.said || answer.finishReason === "content_filter" || (answer.toolCalls.length === 0 && declines(answer.text));
