import { createHash } from "node:crypto";
import type { ModelMessage } from "../../agent/model.ts";
import type { Agent } from "../../config/config.ts";

/** A run's messages under other instructions. `whole`: the system message was replaced as it stood, all of it. */
export interface Prompted {
  readonly messages: readonly ModelMessage[];
  readonly hash: string;
  readonly whole: boolean;
}

/**
 * Puts a prompt in the place of the agent's. What code wrote after that (the date, a job's task) stays where the recorded message
 * begins with the agent's prompt of now; where that has changed since, nobody can tell the two apart.
 */
export function withPrompt(messages: readonly ModelMessage[], agent: Agent, prompt: string): Prompted {
  const text = prompt.trim();
  const hash = createHash("sha256").update(text).digest("hex");
  const [first, ...rest] = messages;
  if (first?.role !== "system") return { messages: [{ role: "system", text }, ...messages], hash, whole: true };
  const known = `${agent.prompt.trim()}\n\n`;
  const whole = !first.text.startsWith(known);
  const after = whole ? "" : `\n\n${first.text.slice(known.length)}`;
  return { messages: [{ role: "system", text: text + after }, ...rest], hash, whole };
}
