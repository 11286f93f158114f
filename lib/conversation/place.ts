/** Where a place named in the config is, and who speaks there. */
import type { Destination, Lane } from "../channel/types.ts";
import { type Config, matrixUserId } from "../config/config.ts";
import { matrixLane } from "../ledger/matrix-events.ts";

/** A place with the mailbox that keeps its messages in order. */
export interface Place {
  readonly lane: Lane;
  readonly destination: Destination;
}

/**
 * A Matrix room (`matrix:!room:server`) or Telegram chat (`telegram:-100123`) as messages go there. `agent` speaks; without
 * one, an agent that is in the room by config, else the first on Matrix. In Telegram chats `bot` speaks; without one, a bot
 * whose agent it is, else the first. Undefined: nobody here could speak there, or it is a person's Matrix id.
 */
export function destinationOf(config: Config, place: string, agent?: string, bot?: string): Place | undefined {
  if (place.startsWith("matrix:!")) return inRoom(config, place.slice("matrix:".length), agent);
  const chat = /^telegram:(-?[1-9][0-9]*)$/.exec(place)?.[1];
  return chat === undefined ? undefined : inChat(config, Number(chat), agent, bot);
}

function inRoom(config: Config, room: string, name: string | undefined): Place | undefined {
  const agents = [...config.agents.values()];
  const speaker =
    name === undefined
      ? (agents.find(({ matrix }) => matrix?.rooms.includes(room)) ?? agents.find(({ matrix }) => matrix))
      : config.agents.get(name);
  const user = speaker && matrixUserId(config, speaker);
  return user === undefined
    ? undefined
    : { lane: matrixLane(user, room), destination: { channel: "matrix", user, room } };
}

function inChat(config: Config, chat: number, agent: string | undefined, name: string | undefined): Place | undefined {
  const bots = [...config.telegram.values()];
  const bot = name === undefined ? (bots.find((each) => each.agent === agent) ?? bots[0]) : config.telegram.get(name);
  if (!bot) return undefined;
  return { lane: `telegram:${bot.name}:${chat}`, destination: { channel: "telegram", bot: bot.name, chat } };
}
