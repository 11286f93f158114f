import { isControl, parseCommand } from "../channel/command.ts";
import { roomOf } from "../channel/room.ts";
import type { InboundMessage, Lane, Principal } from "../channel/types.ts";
import type { Config, TelegramBot } from "../config/config.ts";
import type { InboxEntry } from "../ledger/inbox.ts";
import { laneOf } from "../ledger/lane.ts";
import { agentsFor } from "../policy/access.ts";
import { isAddressed, withoutAddress } from "./addressed.ts";
import { type Content, contentOf } from "./content.ts";
import type { Denial } from "./denial.ts";
import type { BotIdentity } from "./identity.ts";
import { decodeTap } from "./tap.ts";
import { callbackQuerySchema, messageSchema, updateSchema, whereSchema, type WireMessage } from "./wire.ts";
import { oneLine } from "../one-line.ts";
import { safeParse } from "../safe-parse.ts";

/** An update as the inbox takes it, and the stranger to be told off, if any. */
export interface Decoded {
  readonly entry: InboxEntry;
  readonly denial?: Denial;
  /** Whether the message is for the bot cannot be told without its username: the entry is not to be committed. */
  readonly needsUsername?: true;
}

const maxQuoted = 2_000;

/**
 * One update to one inbox entry; undefined where it has no id, and so nothing to be recorded under. Pure. The allowlist
 * comes first: of a message that is not for an agent, only who, where and why is kept, never what it says.
 */
export function decodeUpdate(
  bot: TelegramBot,
  me: BotIdentity,
  config: Config,
  update: unknown,
  now = new Date(),
): Decoded | undefined {
  const parsed = safeParse(updateSchema, update);
  if (!parsed.success) return undefined;
  const source = `telegram:${bot.name}:${parsed.data.update_id}`;
  const kind = Object.keys(parsed.data).find((key) => key !== "update_id") ?? "empty";
  if (kind === "callback_query") {
    const tap = safeParse(callbackQuerySchema, parsed.data[kind]);
    if (tap.success) return decodeTap(bot, config, source, tap.data, now);
  }
  if (kind !== "message") return { entry: recordOther(bot, source, kind, parsed.data[kind]) };
  const message = safeParse(messageSchema, parsed.data["message"]);
  if (message.success) return decodeMessage(bot, me, config, source, message.data);
  const where = message.error.issues[0]?.path.join(".") ?? "";
  return {
    entry: {
      source,
      channel: "telegram",
      lane: `telegram:${bot.name}`,
      kind: "other",
      state: "poison",
      reason: `message.${where} is not as the Bot API documents it`,
    },
  };
}

/** Edits, reactions, memberships, and kinds that did not exist when this was written: nothing acts on them. */
function recordOther(bot: TelegramBot, source: string, kind: string, value: unknown): InboxEntry {
  const { data: where } = safeParse(whereSchema, value);
  const chat = where?.chat?.id ?? where?.message?.chat.id;
  const person = where?.from?.id ?? where?.user?.id;
  return {
    source,
    channel: "telegram",
    lane: chat === undefined ? `telegram:${bot.name}` : `telegram:${bot.name}:${chat}`,
    ...(person !== undefined && { principal: `telegram:${person}` as const }),
    kind: "other",
    state: "ignored",
    // PostgreSQL takes no NUL and no half character, and would refuse the update for ever.
    reason: oneLine(kind, 64),
  };
}

function decodeMessage(
  bot: TelegramBot,
  me: BotIdentity,
  config: Config,
  source: string,
  message: WireMessage,
): Decoded {
  const { chat, from } = message;
  const topic = message.is_topic_message ? message.message_thread_id : undefined;
  const place = { bot: bot.name, chat: chat.id, ...(topic !== undefined && { topic }) };
  const lane: Lane = laneOf({ channel: "telegram", ...place });
  const base = { source, channel: "telegram", lane } as const;
  const left = (state: "ignored" | "denied" | "refused", reason: string, principal?: Principal): Decoded => ({
    entry: { ...base, ...(principal && { principal }), kind: "message", state, reason },
  });

  // Anonymous administrators and linked channels come with a stand-in sender, which is no person.
  if (message.sender_chat !== undefined) return left("denied", "sent in the name of a chat");
  if (!from) return left("ignored", "no sender");
  const principal: Principal = `telegram:${from.id}`;
  if (from.is_bot) return left("denied", "sent by a bot", principal);
  const shared = chat.type !== "private";
  const room = roomOf({ channel: "telegram", bot: bot.name, chat: chat.id });
  if (agentsFor(config, principal, "telegram", room).length === 0) {
    const decoded = left("denied", "no group grants this person an agent", principal);
    return shared ? decoded : { ...decoded, denial: { bot: bot.name, chat: chat.id, principal } };
  }
  if (message.migrate_to_chat_id !== undefined)
    return left("ignored", `the group is now ${message.migrate_to_chat_id}: list it in telegram.${bot.name}.chats`);
  if (shared && !bot.chats.includes(chat.id))
    return left("refused", `the group ${chat.id} is not in telegram.${bot.name}.chats`, principal);
  const content = contentOf(message);
  if (!content) return left("ignored", "service message", principal);
  const addressed = !shared || isAddressed(message, content, me);
  if (!addressed) {
    const decoded = left("ignored", "not addressed to the bot", principal);
    return addressed === undefined ? { ...decoded, needsUsername: true } : decoded;
  }

  const body = inbound(bot, me, message, content, { principal, shared, ...(topic !== undefined && { topic }) });
  const kind = body.command && isControl(body.command) ? "control" : "message";
  return { entry: { ...base, principal, kind, state: "new", body } };
}

function inbound(
  bot: TelegramBot,
  me: BotIdentity,
  message: WireMessage,
  content: Content,
  place: { principal: Principal; shared: boolean; topic?: number },
): InboundMessage {
  const { from, chat, forward_origin: forwarded } = message;
  const text = withoutAddress(content, me);
  // What somebody else wrote, or what lies beside a file, is no command of this person's.
  const command = forwarded === undefined && content.attachments.length === 0 ? parseCommand(text, "/") : undefined;
  const quoted = message.quote?.text ?? message.reply_to_message?.text ?? message.reply_to_message?.caption;
  const senderName = [from?.first_name, from?.last_name].filter(Boolean).join(" ");
  return {
    principal: place.principal,
    ...(place.shared && senderName !== "" && { senderName }),
    text: forwarded === undefined ? text : `[forwarded message]\n${text}`,
    ...(command && { command }),
    attachments: content.attachments,
    ...(message.media_group_id !== undefined && { album: message.media_group_id }),
    ...(quoted !== undefined && { quoted: quoted.slice(0, maxQuoted) }),
    ...(forwarded !== undefined && { forwarded: true }),
    destination: {
      channel: "telegram",
      bot: bot.name,
      chat: chat.id,
      ...(place.topic !== undefined && { topic: place.topic }),
      ...(place.shared && { replyTo: message.message_id }),
    },
    shared: place.shared,
    sentAt: new Date(message.date * 1000).toISOString(),
  };
}
