/** Patterns for text a model wrote: matching must end soon, whatever it wrote. */
import { z } from "zod";

/** Longer text than this meets no pattern. */
export const patternTextLimit = 256;

const maxLength = 200;
/** Each repeat without a small bound multiplies the work by the text's length. */
const maxRepeats = 3;
/** What alternatives, options and small bounds may multiply it by, all together. */
const maxChoices = 100;

/** Whether all of a text matches; never for text past the limit. */
export const matchesWhole = (pattern: string, text: string): boolean =>
  text.length <= patternTextLimit && new RegExp(`^(?:${pattern})$`, "u").test(text);

/** A regular expression that `matchesWhole` may be given. */
export const safePattern = z.string().superRefine((pattern, context) => {
  const message = patternProblem(pattern);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** Why a pattern is refused, as what follows its key; undefined where it is taken. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === "") return "must not be empty";
  if (pattern.length > maxLength) return `must be ${maxLength} characters at most`;
  try {
    // By itself, so that no bracket of it closes one of ours.
    new RegExp(pattern, "u");
  } catch {
    return "must be a regular expression of JavaScript";
  }
  return costProblem(pattern);
}

const token = /\\[1-9]|\\k|\\.|\[(?:\\.|[^\]\\])*\]|\(\?:|\(\?|[()|]|[*+?]\??|\{(\d+)(,?)(\d*)\}\??|[^]/gu;

/** A group that is read: what was found in it so far. */
interface Open {
  varies: boolean;
  alternatives: number;
}

/** Whether the pattern could be made to try many ways: what repeats must not vary inside, and little may vary at all. */
function costProblem(pattern: string): string | undefined {
  const open: Open[] = [{ varies: false, alternatives: 1 }];
  let closed: Open | undefined;
  let repeats = 0;
  let choices = 1;
  for (const [text, least, comma, most] of pattern.matchAll(token)) {
    const inner = closed;
    closed = undefined;
    const group = open.at(-1);
    if (!group) return "must be a regular expression of JavaScript";
    if (/^\\[1-9k]/.test(text)) return "must do without backreferences";
    if (text === "(?") return "must do without lookarounds and named groups: ( ) and (?: ) are known";
    if (text === "(" || text === "(?:") open.push({ varies: false, alternatives: 1 });
    else if (text === "|") group.alternatives += 1;
    else if (text === ")") {
      closed = open.pop();
      const { varies = false, alternatives = 1 } = closed ?? {};
      choices *= alternatives;
      const outer = open.at(-1);
      if (outer) outer.varies ||= varies || alternatives > 1;
    } else if (text.startsWith("?")) {
      choices *= 2;
      group.varies = true;
    } else if (/^[*+{]./.test(text) || text === "*" || text === "+") {
      if (text === "{") continue;
      const from = Number(least);
      const ways = least === undefined || (comma && !most) ? Infinity : comma ? Number(most) - from + 1 : 1;
      if (inner && (inner.varies || inner.alternatives > 1))
        return "repeats a group that varies inside, which could take for ever: repeat a class such as [a-z-] instead";
      if (ways > 10) repeats += 1;
      else choices *= ways;
      group.varies ||= ways > 1;
    }
  }
  if (repeats > maxRepeats) return `must have ${maxRepeats} repeats (* + {n,}) at most`;
  return choices > maxChoices ? "has too many alternatives and options in a row: write it more exactly" : undefined;
}
