/** Code in markdown that nothing in it can end. */

/** A fence or span is ended only by as many backticks as began it. */
const ticksFor = (text: string, least: number): string =>
  "`".repeat(Math.max(least, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));

/** A block of code. */
export function codeBlock(text: string, language = ""): string {
  const fence = ticksFor(text, 3);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A span of code, in one line. */
export function codeSpan(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  const ticks = ticksFor(line, 1);
  const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${ticks}${pad}${line}${pad}${ticks}`;
}
