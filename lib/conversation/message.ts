/** message_send's way out: a destination of the config, by its name. */
import type { LinkPolicy } from "../channel/links.ts";
import type { Destination } from "../channel/types.ts";
import type { Agent, Config } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { createMatrixRooms } from "../ledger/matrix-rooms.ts";
import type { ToolContext } from "../tools/define.ts";
import type { ConversationDeps } from "./deps.ts";
import { destinationOf } from "./place.ts";
import { toEntries } from "./reply.ts";

/** Sends as the agent's own user, or by a bot, through the outbox. `links` is asked at each message: taint may grow. */
export const createSendMessage =
  (
    deps: Pick<ConversationDeps, "sql" | "outbox" | "channels">,
    config: Config,
    agent: Agent,
    links: () => LinkPolicy | undefined,
  ): ToolContext["sendMessage"] =>
  async (name, markdown, key) => {
    const { destinations, bot } = config.tools.message;
    const place = Object.hasOwn(destinations, name) ? destinations[name] : undefined;
    if (place === undefined) throw unknown(name, Object.keys(destinations));
    const found = destinationOf(config, place, agent.name, bot);
    if (!found)
      throw new ClawError("not_found", `You cannot speak in "${name}": you are not on its channel. Tell the person.`);
    const { lane, destination } = found;
    await mustBeThere(deps.sql, name, destination);
    await deps.outbox.add(
      toEntries(deps.channels[destination.channel], lane, destination, `message:${key}`, markdown, links()),
    );
  };

const unknown = (name: string, names: readonly string[]): ClawError =>
  new ClawError(
    "not_found",
    names.length === 0
      ? "There is no destination: none is named in the config. Tell the person."
      : `There is no destination "${name.slice(0, 50)}". There are: ${names.join(", ")}.`,
  );

/** On Telegram there is nothing to ask: a bot learns by sending whether it may. */
async function mustBeThere(sql: Sql, name: string, destination: Destination): Promise<void> {
  if (destination.channel !== "matrix") return;
  const { user, room } = destination;
  const seats = (await createMatrixRooms(sql).joined([room])).get(room) ?? [];
  if (!seats.some((seat) => seat.user === user))
    throw new ClawError(
      "not_found",
      `You are not in the room of "${name}", and nothing was sent. Tell the person that ${user} must be invited there, and the room listed in your agent's matrix.rooms.`,
    );
}
