/** Where the operator reads: what is asked and reported goes there. */
import { type Agent, type Config, matrixUserId } from "../config/config.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import { destinationOf, type Place } from "./place.ts";

/**
 * The config's `operator` as messages go there: a Telegram chat by a bot; a Matrix room, or a person's direct chat, by an agent
 * that is there, `first` of all where it is given. Undefined: there is no operator, or nobody of ours where they are.
 */
export async function operatorPlace(
  config: Config,
  rooms: Pick<MatrixRooms, "joined" | "of">,
  first?: string,
): Promise<Place | undefined> {
  const { operator } = config;
  if (operator === undefined) return undefined;
  if (!operator.startsWith("matrix:")) return destinationOf(config, operator, first);
  const id = operator.slice("matrix:".length);
  const seats = id.startsWith("!") ? ((await rooms.joined([id])).get(id) ?? []) : [];
  for (const agent of inTurn(config, first)) {
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

const inTurn = (config: Config, first: string | undefined): Agent[] =>
  [...config.agents.values()].sort((a, b) => Number(b.name === first) - Number(a.name === first));
