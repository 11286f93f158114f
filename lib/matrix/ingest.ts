/** From a transaction's events to committed inbox entries. */
import type { Config } from "../config/config.ts";
import type { Inbox, InboxEntry } from "../ledger/inbox.ts";
import { eventSource, type MatrixEvents } from "../ledger/matrix-events.ts";
import type { MatrixRooms, Seat } from "../ledger/matrix-rooms.ts";
import type { Log } from "../log.ts";
import { agentsFor } from "../policy/access.ts";
import { OncePer } from "../rate-limit.ts";
import { admit, matrixPrincipal, needsAnswers, type RoomFacts } from "./admit.ts";
import { applyChange, type Uncommitted } from "./changes.ts";
import { decode } from "./decode.ts";
import type { MatrixEncrypted, MatrixEvent, MatrixMember, MatrixMessage, MembershipFacts } from "./event.ts";
import { isOurs } from "./ids.ts";
import type { MemberCounts } from "./members.ts";

/** The ledgers and look-ups that ingest needs. */
export interface IngestDeps {
  readonly inbox: Inbox;
  readonly rooms: Pick<MatrixRooms, "joined" | "markEncrypted">;
  readonly events: Pick<MatrixEvents, "edit" | "redact" | "senders">;
  readonly members: MemberCounts;
  readonly log: Log;
}

/**
 * Commits what a transaction's events mean to us; false where that was nothing. Throws where it failed and the
 * transaction must be repeated. `digest` names the transaction's body.
 */
export type Ingest = (config: Config, events: readonly unknown[], digest: string) => Promise<boolean>;

const minute = 60_000;
const unseated: RoomFacts = { seats: [], members: undefined, answers: undefined };

/** Ingest with its limits on log lines. */
export function createIngest({ inbox, rooms, events, members, log }: IngestDeps): Ingest {
  const encryptedLines = new OncePer(10 * minute);
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

    const facts = await lookUp(config, decoded.filter(isMessage));
    const entries: Uncommitted = new Map();
    const add = (entry: InboxEntry | undefined): void => {
      if (entry && !entries.has(entry.source)) entries.set(entry.source, entry);
    };
    for (const [index, event] of decoded.entries()) {
      if (event.kind === "message") for (const entry of admitted(config, event, facts.get(event))) add(entry);
      else if (event.kind === "edit" || event.kind === "redaction")
        add(await applyChange(config, event, entries, events));
      else if (event.kind === "encrypted") add(encryptedEntry(event));
      else if (event.kind === "member" && isOurs(config, event.user)) add(membershipEntry(event));
      else if (event.kind === "poison") add(poisonEntry(event.reason, digest, index));
    }
    if (entries.size === 0) return false;
    await inbox.accept([...entries.values()]);
    for (const entry of entries.values()) report(entry);
    return true;
  };

  /**
   * At most one query for the rooms, one for what is answered to, and a member count a direct chat and minute. The counts
   * are asked for all at once: a homeserver that does not answer costs one time-out.
   */
  async function lookUp(config: Config, messages: MatrixMessage[]): Promise<Map<MatrixMessage, RoomFacts>> {
    if (messages.length === 0) return new Map();
    const joined = await rooms.joined([...new Set(messages.map((message) => message.room))]);
    const ofRooms = await Promise.all(
      [...joined].map(async ([room, seats]) => [room, await factsOf(room, seats)] as const),
    );
    const inRoom = new Map(ofRooms);
    const facts = new Map(messages.map((message) => [message, inRoom.get(message.room) ?? unseated]));
    const asked = [...facts].filter(([message, found]) => needsAnswers(config, message, found));
    if (asked.length === 0) return facts;
    const senders = await events.senders(asked.flatMap(([{ replyTo }]) => replyTo ?? []));
    for (const [message, found] of asked) facts.set(message, { ...found, answers: senders.get(message.replyTo ?? "") });
    return facts;
  }

  async function factsOf(room: string, seats: readonly Seat[]): Promise<RoomFacts> {
    const direct = seats.find((seat) => seat.direct);
    return { seats, members: direct && (await members.of(direct.user, room)), answers: undefined };
  }

  function admitted(config: Config, message: MatrixMessage, facts: RoomFacts | undefined): InboxEntry[] {
    if (facts && facts.seats.length > 0) return admit(config, message, facts);
    const principal = matrixPrincipal(message.sender);
    if (agentsFor(config, principal, "matrix").length === 0) return [];
    // Pushed to us, so one of our users is there: what we know of the rooms is incomplete. The operator should know.
    const basis = { source: `matrix:${message.eventId}#unseated`, channel: "matrix", kind: "other" } as const;
    return [{ ...basis, lane: `matrix:${message.room}`, principal, state: "ignored", reason: "no agent is joined" }];
  }

  function report(entry: InboxEntry): void {
    const { lane, principal, reason } = entry;
    if (entry.reason === "encrypted" && encryptedLines.allows(lane))
      log.warn(
        { lane, principal },
        "matrix: the room is encrypted, which is not supported yet: nothing was answered. Use an unencrypted room",
      );
    else if (entry.state === "denied" && deniedLines.allows(`${lane} ${principal}`))
      log.warn({ lane, principal, reason }, "matrix: denied: no group with this member names the agent");
    else if (entry.state === "refused" && entry.reason !== "encrypted" && deniedLines.allows(lane))
      log.warn({ lane, principal, reason }, "matrix: refused: add the room to agents.NAME.matrix.rooms to allow it");
    else if (entry.reason === "no agent is joined" && deniedLines.allows(lane))
      log.warn({ lane, principal }, "matrix: a message in a room that no agent is known to be in was not answered");
    else if (entry.state === "poison" && deniedLines.allows(reason ?? ""))
      log.warn({ source: entry.source, reason }, "matrix: an event was skipped");
  }
}

/** What we said ourselves concerns nobody; of memberships those of others still change a room's member count. */
function concerns(config: Config, event: MatrixEvent): boolean {
  if (event.kind === "other") return false;
  if (event.kind === "poison" || event.kind === "member" || event.kind === "encryption") return true;
  return !isOurs(config, event.sender);
}

const isMessage = (event: MatrixEvent): event is MatrixMessage => event.kind === "message";

const encryptedEntry = (event: MatrixEncrypted): InboxEntry => ({
  source: `matrix:${event.eventId}#encrypted`,
  channel: "matrix",
  lane: `matrix:${event.room}`,
  principal: matrixPrincipal(event.sender),
  kind: "other",
  state: "refused",
  reason: "encrypted",
});

function membershipEntry(event: MatrixMember): InboxEntry {
  const { user, room, membership, sender, isDirect, eventId } = event;
  const facts: MembershipFacts = { user, room, membership, sender, isDirect, eventId };
  return {
    source: eventSource(eventId, user),
    channel: "matrix",
    lane: "matrix:membership",
    principal: matrixPrincipal(sender),
    kind: "membership",
    state: "new",
    body: facts,
  };
}

/** Named by the transaction's body, as the event may have no id that could be stored. */
const poisonEntry = (reason: string, digest: string, index: number): InboxEntry => ({
  source: `matrix:${digest}#${index}`,
  channel: "matrix",
  lane: "matrix:poison",
  kind: "other",
  state: "poison",
  reason,
});
