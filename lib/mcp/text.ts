/** Text of strangers, for a model and for a terminal. */

/** Control, format (bidirectional marks, zero-width, tags), private and unpaired characters, and variation selectors. */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]/gu;

/** Without what nobody sees, and cut, visibly, to `limit` characters. */
export function cleanText(text: string, limit: number): string {
  const seen = text.replaceAll(unseen, (character) => (character === "\n" || character === "\t" ? character : ""));
  return seen.length <= limit ? seen : `${seen.slice(0, limit)} [cut]`;
}

/** Whether it holds a character that nobody sees. */
export const hasUnseen = (text: string): boolean => text.search(unseen) >= 0;
