import { type Config, matrixUserId } from "../config/config.ts";
import type { Destination, Lane } from "../channel/types.ts";
import { matrixLane } from "../ledger/matrix-events.ts";

/** A room or chat of the config (`matrix:!room:server`, `telegram:-100123456`) as a place to write to, on Matrix as the agent. */
export function destinationOf(
  config: Config,
  place: string,
  agent?: string,
): { readonly lane: Lane; readonly destination: Destination } | undefined {
  const telegram = /^telegram:(-?\d+)$/.exec(place);
  if (telegram) {
    const [bot] = config.telegram.keys();
    const chat = Number(telegram[1]);
    return bot === undefined
      ? undefined
      : { lane: `telegram:${bot}:${chat}`, destination: { channel: "telegram", bot, chat } };
  }
  const room = /^matrix:(!.+)$/.exec(place)?.[1];
  const speaker = agent === undefined ? undefined : config.agents.get(agent);
  const user = speaker && matrixUserId(config, speaker);
  if (room === undefined || user === undefined) return undefined;
  return { lane: matrixLane(user, room), destination: { channel: "matrix", user, room } };
}
