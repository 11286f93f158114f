import type { AgentFunction } from "../../lib/agent/function.ts";
import { trimHistory } from "../../lib/agent/history.ts";
import { agentPrompt } from "./instructions.ts";

/** Answers a person: the agent's prompt, the conversation so far, and what they just said. */
export const chat: AgentFunction = async (context) => {
  const { agent, principal, text, images, timezone, now } = context;
  const history = trimHistory(context.history(), agent.limits.history_tokens, principal);
  const system = `${agentPrompt(agent, timezone, now)} Answer in Markdown, briefly enough for a phone.`;
  return context.run([
    { role: "system", text: system },
    ...history,
    { role: "user", text, ...(images.length > 0 && { images }) },
  ]);
};
