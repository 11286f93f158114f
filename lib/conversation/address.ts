/** Which agent a message is for. Asked again when it is worked on, since config and conversation may have changed. */
import { roomOf } from "../channel/room.ts";
import type { Destination, InboundMessage, Lane } from "../channel/types.ts";
import { type Agent, type Config, matrixUserId } from "../config/config.ts";
import { activate, type Conversation, conversationWith } from "../ledger/conversations.ts";
import { agentsFor, mayTalk } from "../policy/access.ts";
import type { ConversationDeps } from "./deps.ts";

/** An agent that may answer, and the conversation it answers in. */
export interface Addressed {
  readonly agent: Agent;
  readonly conversation: Conversation;
}

/** Undefined where nobody may answer this person here. */
export async function addressee(
  deps: Pick<ConversationDeps, "sql">,
  config: Config,
  lane: Lane,
  message: InboundMessage,
  active: Conversation | undefined,
): Promise<Addressed | undefined> {
  const agent = chooseAgent(config, message, active?.agent);
  if (!agent) return undefined;
  if (active?.agent === agent.name) return { agent, conversation: active };
  // A schedule changes nothing in whom the person talks to.
  const take = message.scheduled ? conversationWith : activate;
  return { agent, conversation: await take(deps.sql, lane, agent.name) };
}

/**
 * On Matrix the agent that was pushed the event; on Telegram the one picked by /agent, else the bot's own, else, for
 * somebody who may not talk to that one, the first they may. In a group nobody is handed on to another agent. What was
 * scheduled is for the agent it was scheduled with, or for none.
 */
export function chooseAgent(config: Config, message: InboundMessage, active: string | undefined): Agent | undefined {
  const { destination, principal, shared, scheduled } = message;
  const room = roomOf(destination);
  const sameName = ({ name }: Agent): boolean => scheduled === undefined || name === scheduled.agent;
  if (destination.channel === "matrix") {
    const agent = [...config.agents.values()].find((candidate) => matrixUserId(config, candidate) === destination.user);
    return agent && sameName(agent) && mayTalk(config, principal, agent, room) ? agent : undefined;
  }
  const allowed = agentsFor(config, principal, "telegram", room);
  if (scheduled) return mayBeInChat(config, destination) ? allowed.find(sameName) : undefined;
  const preferred = active ?? config.telegram.get(destination.bot)?.agent;
  return allowed.find((agent) => agent.name === preferred) ?? (shared ? undefined : allowed[0]);
}

/** What config has lost meanwhile, a message from outside would have been turned away for at the door. */
function mayBeInChat(config: Config, { bot, chat }: Extract<Destination, { channel: "telegram" }>): boolean {
  const found = config.telegram.get(bot);
  return found !== undefined && (chat > 0 || found.chats.includes(chat));
}
