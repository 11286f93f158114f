/** Numbers in brackets by which a model refers to what it was given: it never writes an address itself. */

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
