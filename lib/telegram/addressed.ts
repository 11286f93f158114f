import { parseCommand } from "../channel/command.ts";
import type { Content } from "./content.ts";
import type { BotIdentity } from "./identity.ts";
import type { WireEntity, WireMessage } from "./wire.ts";

const commandPattern = /^\/([A-Za-z0-9_]+)(?:@([A-Za-z0-9_]+))?(?=\s|$)/;

/**
 * Whether a group message is meant for the bot: mentioned, answered or commanded; told by entities, never by substring.
 * Undefined where that hangs on the bot's username, which is not known yet.
 */
export function isAddressed(message: WireMessage, content: Content, me: BotIdentity): boolean | undefined {
  const { reply_to_message: answered } = message;
  const [command, , to] = commandPattern.exec(content.text) ?? [];
  if (to !== undefined) return me.username === undefined ? undefined : sameName(to, me);
  // A bare command that is not ours belongs to another bot of the group.
  if (command !== undefined && !message.forward_origin && parseCommand(command, "/")) return true;
  if (content.entities.some((entity) => isMention(content.text, entity, me))) return true;
  // In a topic every message answers the one that opened it, which the bot may have written.
  if (answered?.from?.id === me.id && answered.forum_topic_created === undefined) return true;
  const named = content.entities.some(({ type }) => type === "mention");
  return named && me.username === undefined ? undefined : false;
}

/** The text without what only addressed the bot: a mention at either end, the "@bot" of a command. */
export function withoutAddress(content: Content, me: BotIdentity): string {
  let { text } = content;
  for (const entity of content.entities.toSorted((a, b) => b.offset - a.offset)) {
    if (!isMention(content.text, entity, me)) continue;
    const before = text.slice(0, entity.offset);
    const after = text.slice(entity.offset + entity.length);
    if (before.trim() === "") text = after.replace(/^\s*[,:]?\s*/, "");
    else if (after.trim() === "") text = before.trimEnd();
  }
  return text.replace(commandPattern, (whole, name: string, to?: string) =>
    to === undefined || (me.username !== undefined && !sameName(to, me)) ? whole : `/${name}`,
  );
}

function isMention(text: string, entity: WireEntity, me: BotIdentity): boolean {
  if (entity.type === "text_mention") return entity.user?.id === me.id;
  return entity.type === "mention" && sameName(text.slice(entity.offset + 1, entity.offset + entity.length), me);
}

const sameName = (name: string, me: BotIdentity): boolean =>
  me.username !== undefined && name.toLowerCase() === me.username.toLowerCase();
