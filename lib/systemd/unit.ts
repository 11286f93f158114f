/** A unit of systemd, and how a value is written in one. */
import { ClawError } from "../errors.ts";

/** A unit's file. */
export interface Unit {
  readonly name: string;
  readonly text: string;
}

/** Whose manager runs a unit: a user's has fewer means to lock a service in. */
export type Manager = "user" | "system";

/** The first line of every file that a command wrote for a config; others are left alone. */
export const marker = (command: string, config: string): string =>
  `# Written by \`${command}\` for ${JSON.stringify(config)}: changes are overwritten.`;

/** A value in a unit, of which no part is a specifier. Throws ClawError `bad_request` for one of two lines. */
export function specifier(text: string): string {
  if (/[\n\r]/.test(text))
    throw new ClawError("bad_request", `${JSON.stringify(text)}: a unit cannot name a path of two lines`);
  return text.replaceAll("%", "%%");
}

/** One word of a list or an assignment in a unit. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? specifier(text) : `"${specifier(text).replace(/["\\]/g, "\\$&")}"`;

/** One word of a command line in a unit, of which no part is a variable. */
export const word = (text: string): string => quoted(text).replaceAll("$", "$$$$");

/** What `word` wrote. */
export function unword(text: string): string {
  const inside = /^"(.*)"$/.exec(text)?.[1];
  return (inside?.replace(/\\(["\\])/g, "$1") ?? text).replaceAll("%%", "%").replaceAll("$$", "$");
}
