import { roomOf } from "../channel/room.ts";
import type { InboundMessage, Principal } from "../channel/types.ts";
import type { Config, TelegramBot } from "../config/config.ts";
import { laneOf } from "../ledger/lane.ts";
import { agentsFor, isApprover } from "../policy/access.ts";
import type { Decoded } from "./decode.ts";
import type { WireCallbackQuery } from "./wire.ts";

/** Stand for no person: Telegram itself, anonymous administrators, linked channels. */
const standIns: ReadonlySet<number> = new Set([777000, 1087968824, 136817688]);

/**
 * A tap on a button of ours is the command it stands for, of whoever tapped: by their numeric id and nothing else
 * (GHSA-hwmr-gqmh-2j2x). Whether they may give it is decided when it is worked on.
 */
export function decodeTap(
  bot: TelegramBot,
  config: Config,
  source: string,
  tap: WireCallbackQuery,
  now: Date,
): Decoded {
  const { from, message, data = "" } = tap;
  const principal: Principal = `telegram:${from.id}`;
  const topic = message?.is_topic_message ? message.message_thread_id : undefined;
  const destination = {
    channel: "telegram",
    bot: bot.name,
    chat: message?.chat.id ?? from.id,
    ...(topic !== undefined && { topic }),
  } as const;
  const base = { source, channel: "telegram", lane: laneOf(destination), principal } as const;
  const left = (state: "ignored" | "denied" | "refused", reason: string): Decoded => ({
    entry: { ...base, kind: "other", state, reason },
  });
  const [, name, code = ""] = /^(approve|deny):([a-z0-9]{1,32})$/.exec(data) ?? [];
  if (!message || name === undefined) return left("ignored", "callback_query");
  if (from.is_bot || standIns.has(from.id)) return left("denied", "tapped by a bot, or in the name of a chat");
  if (agentsFor(config, principal, "telegram", roomOf(destination)).length === 0 && !isApprover(config, principal))
    return {
      ...left("denied", "no group grants this person an agent"),
      denial: { bot: bot.name, chat: message.chat.id, principal, tap: tap.id },
    };
  const shared = message.chat.type !== "private";
  const known = bot.chats.includes(message.chat.id) || config.operator === `telegram:${message.chat.id}`;
  if (shared && !known) return left("refused", `the group ${message.chat.id} is not in telegram.${bot.name}.chats`);
  const body: InboundMessage = {
    principal,
    text: "",
    command: { name: name as "approve" | "deny", argument: code },
    tap: tap.id,
    attachments: [],
    destination,
    shared,
    sentAt: now.toISOString(),
  };
  return { entry: { ...base, kind: "control", state: "new", body } };
}
