/** What a model or a person wrote, shown so that it can pretend to be nothing else: JSON whose odd characters are escaped. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../config/canonical-json.ts";

/** Characters that are not seen, turn the direction of what stands beside them, or look like a space: all but U+0020. */
const odd = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

const escaped = (character: string): string =>
  Array.from(character, (point) => {
    const units = Array.from({ length: point.length }, (_, index) => point.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  }).join("");

/** The text on one line, with what cannot be seen as `\uXXXX`. */
export const visible = (text: string): string => text.replace(odd, escaped);

/** The same as a piece of code in Markdown, which nothing in it can end; cut where it is shown longer than `most`. */
export function inlineCode(text: string, most = Number.POSITIVE_INFINITY): string {
  const shown = visible(text).replaceAll("`", "\\u0060");
  return `\`${shown.length > most ? `${shown.slice(0, most)}…` : shown}\``;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** How many of the characters are shown within `room`. */
function fitting(characters: readonly string[], room: number): number {
  let used = 0;
  const first = characters.findIndex((character) => (used += visible(character).length) > room);
  return first === -1 ? characters.length : first;
}

/** Both ends of a text, each as `show` makes it, in about `most` characters as shown; between them what is left out. */
function cutInTheMiddle(text: string, most: number, show: (part: string) => string, between = " "): string {
  const characters = Array.from(text);
  const head = fitting(characters, (most * 2) / 3);
  const tail = Math.min(fitting(characters.toReversed(), most / 3), characters.length - head);
  const left = characters.length - head - tail;
  const mark = `… ${left} characters are not shown; SHA-256 of the whole: ${sha256(text)} …`;
  return [show(characters.slice(0, head).join("")), mark, show(characters.slice(head + left).join(""))].join(between);
}

/** A string as JSON. What is shown longer than `most` is cut outside of its quotes, where no value can reach. */
function shownString(text: string, most: number): string {
  const show = (part: string): string => visible(JSON.stringify(part));
  const whole = show(text);
  return whole.length <= most ? whole : cutInTheMiddle(text, most, show);
}

function pretty(value: unknown, most: number, indent = ""): string {
  const inner = `${indent}  `;
  const block = (open: string, lines: readonly string[], close: string): string =>
    lines.length === 0 ? open + close : `${open}\n${lines.map((line) => inner + line).join(",\n")}\n${indent}${close}`;
  if (typeof value === "string") return shownString(value, most);
  if (Array.isArray(value))
    return block(
      "[",
      value.map((item) => pretty(item, most, inner)),
      "]",
    );
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return block(
    "{",
    entries.map(([key, item]) => `${shownString(key, most)}: ${pretty(item, most, inner)}`),
    "}",
  );
}

/**
 * Arguments as canonical JSON, indented, in about `most` characters. Uncut it parses to exactly the arguments; where it is
 * too long, strings are cut in the middle, and at last the whole, each with its length and SHA-256.
 */
export function shownArguments(input: Readonly<Record<string, unknown>>, most = Number.POSITIVE_INFINITY): string {
  for (const longest of [Number.POSITIVE_INFINITY, 600, 300, 150]) {
    const text = pretty(input, longest);
    if (text.length <= most) return text;
  }
  // On a line of its own: JSON on one line cannot make one.
  return cutInTheMiddle(canonicalJson(input), most - 200, visible, "\n");
}
