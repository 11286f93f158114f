import type { Channel, Destination } from "../channel/types.ts";
import { toEntries } from "./reply.ts";
import { matrixLane } from "../ledger/matrix-events.ts";
import type { Outbox } from "../ledger/outbox.ts";
import type { Log } from "../log.ts";
import type { Tell } from "../matrix/notices.ts";

/** Notices as entries of the outbox: delivered like answers, encrypted where the room is, once for each key. */
export function createTell(deps: { readonly outbox: Outbox; readonly channel: Channel; readonly log: Log }): Tell {
  const { outbox, channel, log } = deps;
  return ({ user, room, thread, replyTo, key, text }) => {
    const destination: Destination = {
      channel: "matrix",
      user,
      room,
      ...(thread !== undefined && { thread }),
      ...(replyTo !== undefined && { replyTo }),
    };
    outbox.add(toEntries(channel, matrixLane(user, room, thread), destination, key, text)).catch((err: unknown) => {
      log.warn({ err, user, room }, "matrix: a notice could not be written");
    });
  };
}
