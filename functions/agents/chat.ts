import type { AgentContext, AgentFunction } from "../../lib/agent/function.ts";
import { trimHistory } from "../../lib/agent/history.ts";

/** Answers a person: the agent's prompt, the conversation so far, and what they just said. */
export const chat: AgentFunction = async (context) => {
  const { agent, principal, text, images } = context;
  const history = trimHistory(await context.history(), agent.limits.history_tokens, principal);
  return context.run([
    { role: "system", text: systemPrompt(context) },
    ...history,
    { role: "user", text, ...(images.length > 0 && { images }) },
  ]);
};

/** The date only to the day, so that a provider's prompt cache holds for one. */
function systemPrompt({ agent, timezone, now }: AgentContext): string {
  const today = now.toLocaleDateString("en-GB", {
    timeZone: timezone,
    weekday: "long",
    year: "numeric",
    month: "long",
    day: "numeric",
  });
  return `${agent.prompt.trim()}\n\nYou are the agent "${agent.name}". Today is ${today} (${timezone}). Answer in Markdown, briefly enough for a phone.`;
}
