import type { Destination, Lane } from "../channel/types.ts";
import { matrixLane } from "./matrix-events.ts";

/** The mailbox that a destination's answers are said in. */
export function laneOf(destination: Destination): Lane {
  if (destination.channel === "matrix") return matrixLane(destination.user, destination.room, destination.thread);
  const { bot, chat, topic } = destination;
  return `telegram:${bot}:${chat}${topic === undefined ? "" : `:${topic}`}`;
}
