import type { Command } from "./types.ts";

const names: ReadonlySet<string> = new Set<Command["name"]>([
  "start",
  "help",
  "agents",
  "agent",
  "new",
  "status",
  "stop",
  "jobs",
  "approve",
  "deny",
]);

const isName = (name: string): name is Command["name"] => names.has(name);

/** A known command at the very beginning of a text; anything else, an unknown command too, is undefined: plain text. */
export function parseCommand(text: string, prefix: "/" | "!"): Command | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const [word = ""] = text.slice(1).split(/\s/, 1);
  const name = word.toLowerCase();
  return isName(name) ? { name, argument: text.slice(1 + word.length).trim() } : undefined;
}

/** Whether a command is answered at once, past the lane, while a run works; the others keep their turn among the messages. */
export const isControl = (command: Command): boolean => command.name !== "new" && command.name !== "agent";
