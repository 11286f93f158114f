/** Splitting of texts that are longer than a channel takes. Knows markdown's blocks, and no channel. */

/** How long a text counts: UTF-16 units unless the caller says otherwise. Must not shrink as a text grows. */
export type Measure = (text: string) => number;

const units: Measure = (text) => text.length;

interface Block {
  readonly text: string;
  /** Opening and closing line of a code block. */
  readonly fence?: { readonly open: string; readonly close: string };
  /** What stands between the block before and this one. */
  readonly gap: "" | "\n" | "\n\n";
}

/** Markdown in parts of at most `limit`, cut between blocks; a longer code block becomes several closed ones. */
export function splitMarkdown(markdown: string, limit: number, measure: Measure = units): string[] {
  if (measure(markdown) <= limit) return [markdown];
  const parts: string[] = [];
  const blocks = blocksOf(markdown);
  let part = "";
  for (let at = 0; at < blocks.length;) {
    const begun = part;
    const joined = (count: number): string => join(begun, blocks.slice(at, at + count));
    const count = mostThat(blocks.length - at, (tried) => measure(joined(tried)) <= limit);
    part = joined(count);
    at += count;
    const block = blocks[at];
    if (!block) break;
    if (part !== "") parts.push(part);
    const pieces = measure(block.text) <= limit ? [block.text] : splitBlock(block, limit, measure);
    part = pieces.pop() ?? "";
    parts.push(...pieces);
    at += 1;
  }
  if (part !== "") parts.push(part);
  return parts;
}

const join = (begun: string, blocks: readonly Block[]): string =>
  blocks.reduce((text, block) => (text === "" ? block.text : text + block.gap + block.text), begun);

/** The greatest number up to `most` for which it holds, as it does for all below; found by doubling, then by halves. */
function mostThat(most: number, holds: (count: number) => boolean): number {
  let low = 0;
  let step = 1;
  while (low + step <= most && holds(low + step)) {
    low += step;
    step *= 2;
  }
  for (; step >= 1; step = Math.floor(step / 2)) if (low + step <= most && holds(low + step)) low += step;
  return low;
}

/**
 * The best place to end a part within the first `max` units: a line's end, a sentence's, a word's, any. At least 1,
 * never inside a surrogate pair.
 */
export function breakWithin(text: string, max: number): number {
  if (text.length <= max) return text.length;
  const window = text.slice(0, max + 1);
  const earliest = max / 4;
  const line = window.lastIndexOf("\n");
  if (line > earliest) return line;
  const sentence = Math.max(...[". ", "! ", "? ", "。"].map((mark) => window.lastIndexOf(mark, max - 1)));
  if (sentence > earliest) return sentence + 1;
  const word = window.lastIndexOf(" ");
  if (word > earliest) return word;
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(max - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(max));
  return splitsPair ? Math.max(max - 1, 2) : Math.max(max, 1);
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let gap: Block["gap"] = "";
  let fence: { open: string; close: string } | undefined;
  const flush = (next: Block["gap"]): void => {
    if (lines.length > 0) blocks.push({ text: lines.join("\n"), gap, ...(fence && { fence }) });
    if (lines.length > 0 || next === "\n\n") gap = next;
    lines = [];
    fence = undefined;
  };
  for (const line of markdown.split("\n")) {
    if (fence) {
      lines.push(line);
      if (line.trim().startsWith(fence.close.trim()) && /^[`~]+$/.test(line.trim())) flush("\n");
      continue;
    }
    const [, indent = "", marks] = /^(\s*)(`{3,}(?=[^`]*$)|~{3,})/.exec(line) ?? [];
    if (marks !== undefined) {
      flush("\n");
      fence = { open: line, close: indent + marks };
      lines.push(line);
    } else if (line.trim() === "") flush("\n\n");
    else lines.push(line);
  }
  flush("");
  return blocks;
}

function splitBlock(block: Block, limit: number, measure: Measure): string[] {
  const { fence } = block;
  if (!fence) return cut(block.text, limit, measure);
  const frame = (code: string): string => `${fence.open}\n${code}\n${fence.close}`;
  const lines = block.text.split("\n").slice(1);
  if (lines.at(-1)?.trim().startsWith(fence.close.trim())) lines.pop();
  // An info string longer than a part leaves no room for code: then it is cut as plain text.
  if (measure(frame("")) + 8 > limit) return cut(block.text, limit, measure);
  return cut(lines.join("\n"), limit, (code) => measure(frame(code)), true).map(frame);
}

/** Pieces that each measure at most `limit`, unless a single character does not. */
function cut(text: string, limit: number, measure: Measure, verbatim = false): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (measure(rest) > limit) {
    let low = 1;
    let high = rest.length;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (measure(rest.slice(0, middle)) <= limit) low = middle;
      else high = middle - 1;
    }
    const end = breakWithin(rest, low);
    const piece = verbatim ? rest.slice(0, end) : rest.slice(0, end).trimEnd();
    if (piece !== "") pieces.push(piece);
    rest = verbatim ? rest.slice(end).replace(/^\n/, "") : rest.slice(end).trimStart();
  }
  if (verbatim ? rest !== "" : rest.trim() !== "") pieces.push(rest);
  return pieces;
}
