import type { Destination } from "./types.ts";

/**
 * A room as config names it: `matrix:!room:server` (of an upgraded room the one that it replaced), or `telegram:-100123`
 * of a group chat; undefined in a private Telegram chat.
 */
export function roomOf(destination: Destination): string | undefined {
  if (destination.channel === "matrix") return `matrix:${destination.origin ?? destination.room}`;
  return destination.chat < 0 ? `telegram:${destination.chat}` : undefined;
}
