/** What a page of docs/ tells its reader to type. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The blocks of sh below a heading, in order. */
export function documented(page: string, heading: string): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../../docs", page), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const blocks = [...(section ?? "").matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  if (blocks.length === 0) throw new Error(`${page} tells nothing to type below "${heading}"`);
  return blocks;
}

/** A block without the lines that hold one of these texts, each of which is done in another way; one that is not there is a mistake. */
export function without(block: string, ...texts: readonly string[]): string {
  for (const text of texts)
    if (!block.includes(text)) throw new Error(`"${text}" is not among what is typed:\n${block}`);
  return block
    .split("\n")
    .filter((line) => !texts.some((text) => line.includes(text)))
    .join("\n");
}
