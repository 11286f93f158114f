/** A table as lines of equal width for a monospaced block; the first row is its head. */
export function alignTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(1, ...rows.map((row) => cellsWide(row[column] ?? ""))),
  );
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => padded(row[column] ?? "", width))
      .join(" │ ")
      .trimEnd();
  const [head = [], ...body] = rows.map(line);
  return [head, widths.map((width) => "─".repeat(width)).join("─┼─"), ...body].join("\n");
}

const padded = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - cellsWide(text)));

const wide = /\p{Emoji_Presentation}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|[！-｠]/u;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Columns a text takes in a monospaced font. */
function cellsWide(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}
