/** From events, pushed or decrypted, to inbox entries and to what is said about them in the room. */
import type { Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import type { InboxEntry } from "../ledger/inbox.ts";
import {
  type AskedQuestion,
  encryptedLane,
  encryptedSource,
  eventSource,
  type MatrixEvents,
} from "../ledger/matrix-events.ts";
import { type MatrixRooms, type Seat, selftestOrigin } from "../ledger/matrix-rooms.ts";
import { agentsFor, mayTalk } from "../policy/access.ts";
import { admit, matrixPrincipal, mayBeIn, needsAnswers, refusal, roomFor, type RoomFacts } from "./admit.ts";
import { applyChange, type Uncommitted } from "./changes.ts";
import type { MatrixEncrypted, MatrixEvent, MatrixMember, MatrixMessage, MembershipFacts } from "./event.ts";
import { agentOf, isOurs } from "./ids.ts";
import type { MemberCounts } from "./members.ts";
import { answerByReaction, isAnswer } from "./reaction.ts";
import { type Notice, unencryptedMessageNotice, unencryptedRoomNotice } from "./notices.ts";

/** The ledgers and look-ups that entries are made with. */
export interface EntriesDeps {
  readonly rooms: Pick<MatrixRooms, "joined">;
  readonly events: Pick<MatrixEvents, "edit" | "redact" | "senders" | "questions">;
  readonly members: MemberCounts;
  /** Whether what we know of the agents' rooms is what the homeserver knows. */
  readonly settled: () => boolean;
}

/** What events mean to us. */
export interface Understood {
  readonly entries: readonly InboxEntry[];
  readonly notices: readonly Notice[];
}

/** How events are read: `digest` names the transaction of those that have no id of their own; `only`: as this agent's user. */
export type Understand = (
  config: Config,
  events: readonly MatrixEvent[],
  how: { readonly digest: string; readonly only?: string },
) => Promise<Understood>;

const nobody: RoomFacts = { seats: [], members: undefined, answers: undefined };

/** Edits and redactions of what is pending are applied on the way; everything else is left to whoever commits the entries. */
export function createUnderstanding({ rooms, events, members, settled }: EntriesDeps): Understand {
  return async (config, decoded, { digest, only }) => {
    const { facts, seats, questions } = await lookUp(config, decoded);
    const entries: Uncommitted = new Map();
    const notices: Notice[] = [];
    const add = (entry: InboxEntry | undefined): void => {
      if (entry && !entries.has(entry.source)) entries.set(entry.source, entry);
    };
    for (const [index, event] of decoded.entries()) {
      switch (event.kind) {
        case "message":
          for (const [entry, notice] of admitted(config, event, facts.get(event), only)) {
            add(entry);
            if (notice) notices.push(notice);
          }
          break;
        case "edit": {
          // In an encrypted room anybody at the homeserver could put words into a person's mouth by a plain edit.
          const here = seats.get(event.room) ?? [];
          if (here.some(({ encrypted }) => encrypted) !== event.encrypted) break;
          const users = only === undefined ? undefined : [only];
          const replaced = here.find(({ origin }) => origin !== undefined);
          add(await applyChange(config, event, entries, events, users, replaced));
          break;
        }
        case "redaction":
          add(await applyChange(config, event, entries, events));
          break;
        case "encrypted":
          if (!seats.has(event.room) && !isOurs(config, event.sender)) add(unseated(config, event));
          for (const entry of toDecrypt(config, event, seats.get(event.room) ?? [])) add(entry);
          break;
        case "member":
          if (isOurs(config, event.user)) add(membershipEntry(event));
          break;
        case "tombstone":
          for (const { user } of seats.get(event.room) ?? [])
            add(
              membershipEntry({
                ...event,
                kind: "member",
                user,
                membership: "join",
                isDirect: false,
                replacement: event.replacement,
              }),
            );
          break;
        case "poison":
          add(poisonEntry(event.reason, digest, index));
          break;
        case "reaction": {
          const question = questions.get(event.target);
          if (question) add(answerByReaction(config, event, question, seats.get(event.room) ?? []));
          break;
        }
        case "encryption":
        case "other":
          break;
      }
    }
    return { entries: [...entries.values()], notices };
  };

  /**
   * At most one query for the rooms, one for what is answered to, one for the questions reacted to, and a member count a direct chat and minute. The counts
   * are asked for all at once: a homeserver that does not answer costs one time-out.
   */
  async function lookUp(
    config: Config,
    decoded: readonly MatrixEvent[],
  ): Promise<{
    facts: ReadonlyMap<MatrixMessage, RoomFacts>;
    seats: ReadonlyMap<string, readonly Seat[]>;
    questions: ReadonlyMap<string, AskedQuestion>;
  }> {
    const reactedTo = decoded.flatMap((event) => (isAnswer(event) ? [event.target] : []));
    const questions = reactedTo.length > 0 ? await events.questions(reactedTo) : new Map<string, AskedQuestion>();
    const seated = decoded.flatMap((event) =>
      needsSeats(event) || (isAnswer(event) && questions.has(event.target)) ? [event.room] : [],
    );
    if (seated.length === 0) return { facts: new Map(), seats: new Map(), questions };
    const messages = decoded.filter(isMessage);
    const seats = await rooms.joined([...new Set(seated)]);
    // Pushed to us, so one of ours is there. With a new database we only do not know it yet: it must be pushed again.
    const unknown = seated.find((room) => !seats.has(room));
    if (unknown !== undefined && !settled())
      throw new ClawError(
        "environment",
        `${unknown}: it is not known yet which agents are there; the push is repeated`,
      );
    const spoken = new Set(messages.map(({ room }) => room));
    const ofRooms = await Promise.all(
      [...seats].map(async ([room, here]) => [room, spoken.has(room) ? await factsOf(room, here) : nobody] as const),
    );
    const inRoom = new Map(ofRooms);
    const facts = new Map(messages.map((message) => [message, inRoom.get(message.room) ?? nobody]));
    const asked = [...facts].filter(([message, found]) => needsAnswers(config, message, found));
    if (asked.length > 0) {
      const senders = await events.senders(asked.flatMap(([{ replyTo }]) => replyTo ?? []));
      for (const [message, found] of asked)
        facts.set(message, { ...found, answers: senders.get(message.replyTo ?? "") });
    }
    return { facts, seats, questions };
  }

  async function factsOf(room: string, seats: readonly Seat[]): Promise<RoomFacts> {
    const direct = seats.find((seat) => seat.direct);
    return { seats, members: direct && (await members.of(direct.user, room)), answers: undefined };
  }
}

function admitted(
  config: Config,
  message: MatrixMessage,
  facts: RoomFacts | undefined,
  only: string | undefined,
): (readonly [InboxEntry, (Notice | undefined)?])[] {
  if (facts && facts.seats.length > 0)
    return admit(config, message, facts)
      .filter(({ source }) => only === undefined || source === eventSource(message.eventId, only))
      .map((entry) => [entry, noticeFor(entry, message, facts)]);
  const entry = unseated(config, message);
  return entry ? [[entry]] : [];
}

/** Pushed to us, so one of our users is there: what we know of the rooms is incomplete. The operator should know. */
function unseated(config: Config, { eventId, room, sender }: MatrixMessage | MatrixEncrypted): InboxEntry | undefined {
  const principal = matrixPrincipal(sender);
  if (agentsFor(config, principal, "matrix", roomFor(config, room)).length === 0) return undefined;
  const basis = { source: `matrix:${eventId}#unseated`, channel: "matrix", kind: "other" } as const;
  return { ...basis, lane: `matrix:${room}`, principal, state: "ignored", reason: "no agent is joined" };
}

function noticeFor(entry: InboxEntry, message: MatrixMessage, { seats }: RoomFacts): Notice | undefined {
  const user = seats.find((seat) => entry.source === eventSource(message.eventId, seat.user))?.user;
  if (user === undefined || entry.state !== "refused") return undefined;
  if (entry.reason === refusal.unencryptedRoom) return unencryptedRoomNotice(user, message);
  if (entry.reason === refusal.unencryptedMessage) return unencryptedMessageNotice(user, message);
  return undefined;
}

/** For each agent there whom the sender may use: whether it is addressed is known only once it is read. */
function toDecrypt(config: Config, event: MatrixEncrypted, seats: readonly Seat[]): InboxEntry[] {
  const principal = matrixPrincipal(event.sender);
  const ours = isOurs(config, event.sender);
  return seats.flatMap((seat): InboxEntry[] => {
    const agent = agentOf(config, seat.user);
    const selftest = ours && seat.origin === selftestOrigin && seat.user !== event.sender;
    if (!agent || !(selftest || (!ours && mayTalk(config, principal, agent, roomFor(config, event.room, seat)))))
      return [];
    const basis = {
      source: encryptedSource(event.eventId, seat.user),
      channel: "matrix",
      lane: encryptedLane(seat.user),
      principal,
      kind: "encrypted",
    } as const;
    return selftest || mayBeIn(config, agent, event.room, seat)
      ? [{ ...basis, state: "new", body: event.raw }]
      : [{ ...basis, state: "refused", reason: "room is not allowed" }];
  });
}

const isMessage = (event: MatrixEvent): event is MatrixMessage => event.kind === "message";

const needsSeats = (event: MatrixEvent) =>
  event.kind === "message" || event.kind === "encrypted" || event.kind === "edit" || event.kind === "tombstone";

function membershipEntry(event: MatrixMember & { readonly replacement?: string }): InboxEntry {
  const { user, room, membership, sender, isDirect, eventId, replacement } = event;
  const facts: MembershipFacts = {
    user,
    room,
    membership,
    sender,
    isDirect,
    eventId,
    ...(replacement !== undefined && { replacement }),
  };
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
