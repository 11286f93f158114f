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

/** The same as a piece of code in Markdown, which nothing in it can end. */
export const inlineCode = (text: string): string => `\`${visible(text).replaceAll("`", "\\u0060")}\``;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Before which index a text may be cut without splitting a character. */
const boundary = (text: string, index: number): number =>
  /[\uD800-\uDBFF]/.test(text.charAt(index - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(index)) ? index - 1 : index;

function cutInTheMiddle(text: string, most: number, show: (part: string) => string, digest: string): string {
  const from = boundary(text, Math.ceil((most * 2) / 3));
  const to = boundary(text, text.length - Math.floor(most / 3));
  const mark = `… ${to - from} characters are not shown; SHA-256 of the whole: ${digest} …`;
  return [show(text.slice(0, from)), mark, show(text.slice(to))].join(" ");
}

/** A string as JSON. What is longer than `most` is cut outside of its quotes, where no value can reach. */
function shownString(text: string, most: number): string {
  const show = (part: string): string => visible(JSON.stringify(part));
  return text.length <= most ? show(text) : cutInTheMiddle(text, most, show, sha256(text));
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
  const whole = canonicalJson(input);
  return cutInTheMiddle(whole, most, visible, sha256(whole));
}
