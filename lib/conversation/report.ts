/** Tells the operator of trouble, where the config's `operator` says, in the way of any other message. */
import type { Lane } from "../channel/types.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import { messageOf } from "../errors.ts";
import type { ConversationDeps } from "./deps.ts";
import { operatorPlace } from "./operator-place.ts";
import { toEntries } from "./reply.ts";

/** One thing the operator should know. */
export interface Notice {
  /** The same thing has the same key: it is told once. */
  readonly key: string;
  /** Markdown; never what people or agents said. */
  readonly text: string;
  /** The lane it is about. What goes wrong in the operator's own is not told there. */
  readonly about?: Lane;
}

/** Never throws: what cannot be told is in the log. */
export type Report = (notice: Notice) => Promise<void>;

export function createReport(
  deps: Pick<ConversationDeps, "config" | "outbox" | "channels" | "log"> & {
    readonly rooms: Pick<MatrixRooms, "joined" | "of">;
  },
): Report {
  const { outbox, channels, log, rooms } = deps;
  return async ({ key, text, about }) => {
    const config = deps.config();
    if (config.operator === undefined) return;
    try {
      const place = await operatorPlace(config, rooms);
      if (!place)
        log.warn({ notice: key, operator: config.operator }, "the operator cannot be told: no agent or bot is there");
      else if (place.lane !== about)
        await outbox.add(
          toEntries(channels[place.destination.channel], place.lane, place.destination, `report:${key}`, text),
        );
    } catch (err) {
      log.warn({ notice: key, reason: messageOf(err) }, "the operator could not be told");
    }
  };
}
