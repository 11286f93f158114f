/** Tells the operator of trouble, where the config's `operator` says, in the way of any other message. */
import type { Destination, Lane } from "../channel/types.ts";
import { type Config, matrixUserId } from "../config/config.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import { messageOf } from "../errors.ts";
import type { ConversationDeps } from "./deps.ts";
import { destinationOf } from "./place.ts";
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
      const place = await operatorPlace(config, config.operator, rooms);
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

/** Where the operator reads: on Matrix by the first agent that is in the room, or has a direct chat with the person. */
async function operatorPlace(
  config: Config,
  operator: string,
  rooms: Pick<MatrixRooms, "joined" | "of">,
): Promise<{ readonly lane: Lane; readonly destination: Destination } | undefined> {
  if (!operator.startsWith("matrix:")) return destinationOf(config, operator);
  const [, id = ""] = /^matrix:(.+)$/.exec(operator) ?? [];
  const seats = id.startsWith("!") ? ((await rooms.joined([id])).get(id) ?? []) : [];
  for (const agent of config.agents.values()) {
    const user = matrixUserId(config, agent);
    if (user === undefined) continue;
    if (seats.some((seat) => seat.user === user)) return destinationOf(config, operator, agent.name);
    // A direct chat with the person, or the room that took the place of one that was upgraded.
    const other = (await rooms.of(user)).find(
      ({ membership, direct, inviter, origin }) =>
        membership === "join" && (id.startsWith("!") ? origin === id : direct && inviter === id),
    );
    if (other) return destinationOf(config, `matrix:${other.room}`, agent.name);
  }
  return undefined;
}
