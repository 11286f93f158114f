/** A text as a regular expression that matches it alone; for JavaScript's and for the homeserver's. */
export const escapeRegex = (literal: string): string =>
  literal.replace(/[\\^$.*+?()[\]{}|]/g, (letter) => `\\${letter}`);
