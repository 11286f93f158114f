/** From a transaction's events to committed inbox entries. */
import type { Config } from "../config/config.ts";
import type { Inbox, InboxEntry } from "../ledger/inbox.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import type { Log } from "../log.ts";
import { OncePer } from "../rate-limit.ts";
import { refusal } from "./admit.ts";
import { decode } from "./decode.ts";
import { createUnderstanding, type EntriesDeps } from "./entries.ts";
import type { MatrixEvent } from "./event.ts";
import { isOurs } from "./ids.ts";
import type { Tell } from "./notices.ts";

/** The ledgers and look-ups that ingest needs. */
export interface IngestDeps extends EntriesDeps {
  readonly inbox: Inbox;
  readonly rooms: Pick<MatrixRooms, "joined" | "markEncrypted">;
  readonly tell: Tell;
  readonly log: Log;
}

/**
 * Commits what a transaction's events mean to us; false where that was nothing. Throws where it failed and the
 * transaction must be repeated. `digest` names the transaction's body.
 */
export type Ingest = (config: Config, events: readonly unknown[], digest: string) => Promise<boolean>;

const minute = 60_000;

/** Ingest with its limits on log lines. */
export function createIngest(deps: IngestDeps): Ingest {
  const { inbox, rooms, members, tell, log } = deps;
  const understand = createUnderstanding(deps);
  const deniedLines = new OncePer(minute);

  return async (config, raw, digest) => {
    const now = new Date();
    const decoded = raw.map((event) => decode(event, now)).filter((event) => concerns(config, event));
    if (decoded.length === 0) return false;

    for (const event of decoded) {
      // Known before anything of the room is answered. Only the room's state counts: an m.room.encrypted event can be
      // sent by any member, who could otherwise silence an agent in a room for ever.
      if (event.kind === "encryption") await rooms.markEncrypted(event.room);
      if (event.kind === "member") members.changed(event.room);
    }

    const { entries, notices } = await understand(config, decoded, { digest });
    if (entries.length === 0) return false;
    const accepted = await inbox.accept(entries);
    for (const entry of entries) if (accepted.has(entry.source)) report(entry);
    for (const notice of notices) tell(notice);
    return true;
  };

  function report(entry: InboxEntry): void {
    const { lane, principal, reason, state } = entry;
    if (state === "denied" && deniedLines.allows(`${lane} ${principal}`))
      log.warn({ lane, principal, reason }, "matrix: denied: no group with this member names the agent");
    else if (state === "refused" && deniedLines.allows(`${lane} ${reason}`))
      log.warn({ lane, principal, reason }, `matrix: refused: ${remedies.get(reason ?? "") ?? addRoom}`);
    else if (reason === "no agent is joined" && deniedLines.allows(lane))
      log.warn({ lane, principal }, "matrix: a message in a room that no agent is known to be in was not answered");
    else if (state === "poison" && deniedLines.allows(reason ?? ""))
      log.warn({ source: entry.source, reason }, "matrix: an event was skipped");
  }
}

const addRoom = "add the room to agents.NAME.matrix.rooms to allow it";
const remedies: ReadonlyMap<string, string> = new Map([
  [refusal.unencryptedRoom, "turn on encryption in the room, or set agents.NAME.matrix.require_encryption = false"],
  [refusal.unencryptedMessage, "the sender's client must encrypt; nobody can vouch for a plain message in this room"],
  [refusal.encryptedMessage, "the room has no encryption, so its answer would be plain: turn it on in the room"],
]);

/**
 * What we said ourselves concerns nobody, but for the encrypted events of a self-test; of memberships those of others still
 * change a room's member count.
 */
function concerns(config: Config, event: MatrixEvent): boolean {
  if (event.kind === "other") return false;
  if (event.kind === "message" || event.kind === "edit" || event.kind === "redaction" || event.kind === "reaction")
    return !isOurs(config, event.sender);
  return true;
}
