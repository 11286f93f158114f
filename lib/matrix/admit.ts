/** Which of our users a message is for, and whether it may reach them. Pure over config and what was looked up. */
import type { Command, InboundMessage, Principal } from "../channel/types.ts";
import { isControl, parseCommand } from "../channel/command.ts";
import type { Agent, Config } from "../config/config.ts";
import type { InboxEntry } from "../ledger/inbox.ts";
import { eventSource, matrixLane } from "../ledger/matrix-events.ts";
import { type Seat, selftestOrigin } from "../ledger/matrix-rooms.ts";
import { mayTalk } from "../policy/access.ts";
import { isNamed, withoutName } from "./address.ts";
import type { MatrixMessage } from "./event.ts";
import { agentOf } from "./ids.ts";

/** What was looked up about a message's room. */
export interface RoomFacts {
  /** Our joined users. */
  readonly seats: readonly Seat[];
  /** Joined members, ours included; undefined where the homeserver could not be asked. */
  readonly members: number | undefined;
  /** Who sent the event that the message answers, where that was one of our users. */
  readonly answers: string | undefined;
}

/** The Matrix principal of a full user id. */
export const matrixPrincipal = (user: string): Principal => `matrix:${user}`;

/**
 * Whether config lets the agent be in the room: named by it, the replacement of one named by it, or a direct chat of
 * somebody who may use the agent.
 */
export function mayBeIn(
  config: Config,
  agent: Agent,
  room: string,
  seat: Pick<Seat, "direct" | "inviter" | "origin">,
): boolean {
  if (!agent.matrix) return false;
  const { rooms } = agent.matrix;
  if (rooms.includes(room) || (seat.origin !== undefined && rooms.includes(seat.origin))) return true;
  if (!agent.matrix.direct || !seat.direct || seat.inviter === undefined) return false;
  return mayTalk(config, matrixPrincipal(seat.inviter), agent, undefined);
}

/**
 * The room of the config that a room counts as: the one it replaced, until config names the new one. Otherwise whoever may
 * upgrade a room could shake off what config denies there.
 */
const originOf = (config: Config, room: string, { origin }: Pick<Seat, "origin">): string | undefined =>
  origin === selftestOrigin || namesRoom(config, room) ? undefined : origin;

function namesRoom({ agents, groups, rooms }: Config, room: string): boolean {
  const name = `matrix:${room}`;
  return (
    rooms.has(name) ||
    [...groups.values()].some((group) => group.rooms.includes(name)) ||
    [...agents.values()].some(({ matrix }) => matrix?.rooms.includes(room))
  );
}

/** The same as config and policy name it. */
export const roomFor = (config: Config, room: string, seat: Pick<Seat, "origin"> = {}): string =>
  `matrix:${originOf(config, room, seat) ?? room}`;

/** Whether only the agent and one other are there. What is not known to be so counts as shared. */
const isPrivate = (seat: Seat, members: number | undefined): boolean =>
  seat.direct && members !== undefined && members <= 2;

/** Whether others are known to be there. Where it is not known, a direct chat's messages are for the agent: none is lost. */
const hasOthers = (seat: Seat, members: number | undefined): boolean => !seat.direct || (members ?? 0) > 2;

/** The commands of Matrix; those of Telegram alone are plain words here. */
export function commandOf(text: string): Command | undefined {
  const command = parseCommand(text, "!");
  return command && command.name !== "start" && command.name !== "agent" ? command : undefined;
}

/** Whether somebody must look up who sent the event that the message answers, to know if an agent is addressed. */
export function needsAnswers(config: Config, message: MatrixMessage, facts: Omit<RoomFacts, "answers">): boolean {
  if (message.replyTo === undefined) return false;
  return facts.seats.some((seat) => {
    const agent = agentOf(config, seat.user);
    if (!agent || !maySpeak(config, message, agent, seat)) return false;
    return !isAddressed(config, message, agent, seat, { ...facts, answers: undefined });
  });
}

/** Why a message of an allowed person in an allowed room is not read. */
export const refusal = {
  unencryptedRoom: "the room is not encrypted",
  unencryptedMessage: "sent without encryption into an encrypted room",
  encryptedMessage: "sent with encryption into a room without",
} as const;

/** One inbox entry for each of our users that the message addresses; a refused one has its reason and no body. */
export function admit(config: Config, message: MatrixMessage, facts: RoomFacts): InboxEntry[] {
  const seated = facts.seats.flatMap((seat) => {
    const agent = agentOf(config, seat.user);
    return agent ? [{ seat, agent }] : [];
  });
  const addressed = seated.filter(({ seat, agent }) => isAddressed(config, message, agent, seat, facts));
  const to = answersQuestion(message) ? oneOf(config, message, addressed.length > 0 ? addressed : seated) : addressed;
  return to.map(({ seat, agent }) => entryFor(config, message, agent, seat, !isPrivate(seat, facts.members)));
}

type Seated = { readonly seat: Seat; readonly agent: Agent };

/** An answer to a question names that by its code: any one agent takes it, and only one, whom the sender may talk to. */
function oneOf(config: Config, message: MatrixMessage, seated: readonly Seated[]): readonly Seated[] {
  const may = seated.find(
    ({ seat, agent }) => maySpeak(config, message, agent, seat) && mayBeIn(config, agent, message.room, seat),
  );
  return may ? [may] : seated.slice(0, 1);
}

/** Whether the message is `!approve CODE` or `!deny CODE`. */
function answersQuestion(message: MatrixMessage): boolean {
  const name = commandOf(message.text)?.name;
  return name === "approve" || name === "deny";
}

function isAddressed(config: Config, message: MatrixMessage, agent: Agent, seat: Seat, facts: RoomFacts): boolean {
  return (
    !hasOthers(seat, facts.members) ||
    agent.matrix?.answer === "always" ||
    isNamed(config, agent, message) ||
    facts.answers === seat.user ||
    (facts.seats.length === 1 && commandOf(message.text) !== undefined)
  );
}

const maySpeak = (config: Config, { sender, room }: MatrixMessage, agent: Agent, seat: Seat): boolean =>
  mayTalk(config, matrixPrincipal(sender), agent, roomFor(config, room, seat));

function entryFor(config: Config, message: MatrixMessage, agent: Agent, seat: Seat, shared: boolean): InboxEntry {
  const principal = matrixPrincipal(message.sender);
  const basis = {
    source: eventSource(message.eventId, seat.user),
    channel: "matrix",
    lane: matrixLane(seat.user, message.room, message.thread),
    principal,
    kind: "message",
  } as const;
  // A right in a direct chat gives nothing in a room, nor the other way round (GHSA-2gvc-4f3c-2855): both must hold.
  if (!maySpeak(config, message, agent, seat))
    return { ...basis, state: "denied", reason: "sender may not use the agent" };
  if (!mayBeIn(config, agent, message.room, seat)) return { ...basis, state: "refused", reason: "room is not allowed" };
  // Anybody who can write to the homeserver's database can say this in anybody's name.
  if (seat.encrypted && !message.encrypted) return { ...basis, state: "refused", reason: refusal.unencryptedMessage };
  // Its answer would go into the room as everybody can read it.
  if (!seat.encrypted && message.encrypted) return { ...basis, state: "refused", reason: refusal.encryptedMessage };
  if (!seat.encrypted && agent.matrix?.require_encryption)
    return { ...basis, state: "refused", reason: refusal.unencryptedRoom };
  const body = bodyFor(config, message, agent, seat, shared);
  const control = body.command !== undefined && isControl(body.command);
  return { ...basis, kind: control ? "control" : "message", state: "new", body };
}

function bodyFor(config: Config, message: MatrixMessage, agent: Agent, seat: Seat, shared: boolean): InboundMessage {
  const text = withoutName(config, agent, message);
  const command = commandOf(text);
  const origin = originOf(config, message.room, seat);
  return {
    principal: matrixPrincipal(message.sender),
    // The full id: two people may show the same name.
    ...(shared && { senderName: message.sender }),
    text,
    ...(command && { command }),
    attachments: message.attachments,
    ...(message.quoted !== undefined && { quoted: message.quoted }),
    destination: {
      channel: "matrix",
      user: seat.user,
      room: message.room,
      ...(origin !== undefined && { origin }),
      ...(message.thread !== undefined && { thread: message.thread }),
      replyTo: message.eventId,
    },
    shared,
    sentAt: message.sentAt,
  };
}
