/** A text of anybody's on one line, without what is not seen or turns its direction, cut visibly where it is longer than `most`. */
export function oneLine(text: string, most: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .replaceAll(/[\p{Cf}\p{Co}]/gu, "")
    .trim();
  if (line.length <= most) return line;
  const kept = line.slice(0, most - 1).toWellFormed();
  return `${kept.trimEnd()}…`;
}
