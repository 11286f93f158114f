import type { AgentContext, AgentFunction } from "../../lib/agent/function.ts";
import { trimHistory } from "../../lib/agent/history.ts";

/** Answers a person: the agent's prompt, the conversation so far, and what they just said. */
export const chat: AgentFunction = async (context) => {
  const { agent, principal, text, images } = context;
  const history = trimHistory(context.history(), agent.limits.history_tokens, principal);
  return context.run([
    { role: "system", text: systemPrompt(context) },
    ...history,
    { role: "user", text, ...(images.length > 0 && { images }) },
  ]);
};

/** The date only to the day, so that a provider's prompt cache holds for one. */
function systemPrompt({ agent, timezone, now }: AgentContext): string {
  const today = dayFormat(timezone).format(now);
  return `${agent.prompt.trim()}\n\nYou are the agent "${agent.name}". Today is ${today} (${timezone}). Answer in Markdown, briefly enough for a phone.`;
}

const dayFormats = new Map<string, Intl.DateTimeFormat>();

/** Kept: making a format takes a third of a millisecond. */
function dayFormat(timeZone: string): Intl.DateTimeFormat {
  let format = dayFormats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      weekday: "long",
      year: "numeric",
      month: "long",
      day: "numeric",
    });
    dayFormats.set(timeZone, format);
  }
  return format;
}
