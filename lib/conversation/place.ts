/** Places as config names them (a principal, a Matrix room, a Telegram chat), as destinations. */
import type { Destination } from "../channel/types.ts";
import { type Config, matrixUserId } from "../config/config.ts";

/**
 * Where something for a place goes, said by `agent` where that is on Matrix; undefined where nobody here can say anything
 * there.
 */
export function destinationOf(config: Config, place: string, agent?: string): Destination | undefined {
  const telegram = /^telegram:(-?\d+)$/.exec(place)?.[1];
  if (telegram !== undefined) {
    const bots = [...config.telegram.values()];
    const bot = bots.find((each) => each.agent === agent) ?? bots[0];
    return bot && { channel: "telegram", bot: bot.name, chat: Number(telegram) };
  }
  const room = /^matrix:(!.+)$/.exec(place)?.[1];
  if (room === undefined) return undefined;
  const there = [...config.agents.values()].filter((each) => each.matrix?.rooms.includes(room) === true);
  const speaker = there.find(({ name }) => name === agent) ?? there[0];
  const user = speaker && matrixUserId(config, speaker);
  return user === undefined ? undefined : { channel: "matrix", user, room };
}
