const excerptLength = 400;

/** The part of a text around the first of the words (in lower case) that is in it. */
export function excerpt(text: string, words: readonly string[]): string {
  if (text.length <= excerptLength) return text;
  const lower = text.toLowerCase();
  const first = Math.max(
    0,
    Math.min(...words.map((word) => lower.indexOf(word)).filter((index) => index >= 0), text.length) - 100,
  );
  return `${first > 0 ? "…" : ""}${text.slice(first, first + excerptLength)}…`;
}
