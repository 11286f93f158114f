/** How a model refers to what it was given, by numbers in brackets or by ids: it never writes an address itself. */
import { linked } from "../../lib/channel/markdown-link.ts";

/** Code, which is left as it is; or a blank, numbers in brackets such as [12] or [3, 5], and an address put behind them. */
const pattern = /(```[\s\S]*?(?:```|$)|`[^`\n]+`)|([ \t]?)((?:\[\d{1,4}(?:\s*[,;]\s*\d{1,4})*\])+)(?:\([^()\s]*\))?/g;

/** The text with each reference as `written` has it; those to nothing are dropped. Also the numbers that led to something. */
export function withReferences(
  text: string,
  written: (number: number) => string | undefined,
): { readonly text: string; readonly found: ReadonlySet<number> } {
  const found = new Set<number>();
  const replaced = text.replaceAll(
    pattern,
    (whole: string, code?: string, blank: string = "", numbers: string = "") => {
      if (code !== undefined) return whole;
      const links = [...numbers.matchAll(/\d+/g)].flatMap(([digits]) => {
        const link = written(Number(digits));
        if (link !== undefined) found.add(Number(digits));
        return link ?? [];
      });
      return links.length === 0 ? "" : blank + links.join(", ");
    },
  );
  return { text: replaced, found };
}

/** What an id is not looked for in: code, links and addresses. */
const elsewhere = /```[\s\S]*?(?:```|$)|`[^`\n]+`|\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>|\bhttps?:\/\/\S+/g;

/** The text with each id that stands by itself linked to its target, by `linkTarget`. An id is letters, digits and dashes. */
export function withLinkedIds(text: string, targets: ReadonlyMap<string, string>): string {
  const withLinks = (plain: string): string =>
    plain.replaceAll(/(?<![\w-])[A-Za-z0-9]+-\d+(?![\w-])/g, (id) => {
      const target = targets.get(id);
      return target === undefined ? id : linked(id, target);
    });
  let from = 0;
  let made = "";
  for (const { 0: left, index } of text.matchAll(elsewhere)) {
    made += withLinks(text.slice(from, index)) + left;
    from = index + left.length;
  }
  return made + withLinks(text.slice(from));
}
