/** Why a call was denied, as a word that can be counted: rules themselves hold names of people, tools and arguments. */
export type RuleKind = "grant" | "argument" | "taint" | "limit" | "unasked" | "no_tool";

/** The kind of the rule of a denial, as the journal has it. `unasked`: it needed a yes, and nobody could give one. */
export function ruleKind(rule: string): RuleKind {
  if (rule === "no tool has this name") return "no_tool";
  if (/, and nobody (?:may approve calls of .+|is asked(?: here)?)$/.test(rule)) return "unasked";
  if (rule.endsWith(" is not met")) return "argument";
  if (rule.endsWith(" is used up")) return "limit";
  if (/ \(tainted by [^()]+\)$/.test(rule)) return "taint";
  return "grant";
}
