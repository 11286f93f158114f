/** `[tools.message]`, and what one of its keys says about others. */
import { z } from "zod";
import type { Draft } from "../draft.ts";
import { suggest } from "../nearest.ts";
import { name, place } from "../primitives.ts";
import type { Problems } from "../problem.ts";

export const messageSettings = z
  .strictObject({
    destinations: z
      .record(name, place)
      .default({})
      .describe("Where message_send may send, by the name the model uses."),
    bot: name
      .optional()
      .describe("The bot that speaks in Telegram chats; left out, one whose agent it is, else the first."),
  })
  .prefault({})
  .describe("message_send.");

/** Adds a problem for a destination on a channel there is not, and for a bot there is not. */
export function checkMessage({ tools, matrix, telegram }: Draft, problems: Problems): void {
  const bots = Object.keys(telegram ?? {});
  for (const [name, place] of Object.entries(tools?.message?.destinations ?? {})) {
    const key = `tools.message.destinations.${name}`;
    if (place?.startsWith("matrix:") && matrix === undefined)
      problems.add(key, "is on Matrix but there is no [matrix]", "add [matrix], or name a Telegram chat");
    if (place?.startsWith("telegram:") && telegram !== undefined && bots.length === 0)
      problems.add(key, "is on Telegram but there is no bot", "add [telegram.NAME], or name a Matrix room");
  }
  const bot = tools?.message?.bot;
  if (bot !== undefined && telegram !== undefined && !bots.includes(bot))
    problems.add("tools.message.bot", `no bot is named "${bot}"`, suggest(bot, "Bots", bots));
}
