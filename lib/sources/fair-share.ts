/** A budget of characters over several texts: short ones stay whole, what they leave is the others' in equal parts. */

/** The most characters each text may keep so that all of these lengths together stay within the budget. */
export function fairShare(lengths: readonly number[], budget: number): number {
  const ascending = [...lengths].sort((a, b) => a - b);
  let left = budget;
  for (const [index, length] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (length > share) return share;
    left -= length;
  }
  return Infinity;
}

/** The text, or its first `most` characters and how many were left out. */
export function cutTo(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, most).toWellFormed().trimEnd();
  return `${kept}… [cut: ${text.length - kept.length} of ${text.length} characters left out]`;
}
