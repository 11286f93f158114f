/** What groups say besides their members, and `[rooms.ROOM]`. */
import { z } from "zod";
import { roomName, toolGlob } from "../primitives.ts";

/** Further keys of `groups.NAME`. */
export const groupAccess = {
  rooms: z
    .array(roomName)
    .default([])
    .describe("Rooms in which whoever speaks is a member, there alone; they are never trusted."),
  trusted: z.boolean().default(true).describe("Words of its members, by full id, may be acted on: they taint nothing."),
  approve: z
    .boolean()
    .default(false)
    .describe("Its members, by full id, may approve calls of the agents this group names."),
};

/** `rooms.ROOM`: less, for everybody there. */
export const room = z.strictObject({
  tools: z.array(toolGlob).optional().describe("In this room no other tools, whoever asks; left out, no narrowing."),
  deny: z.array(toolGlob).default([]).describe("Never in this room, whoever asks."),
});
