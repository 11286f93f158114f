/** What an agent does about an invite or any other change of its membership. */
import type { Config } from "../config/config.ts";
import type { PendingMembership } from "../ledger/matrix-events.ts";
import type { MatrixRooms, RoomMembership } from "../ledger/matrix-rooms.ts";
import type { Log } from "../log.ts";
import { mayTalk } from "../policy/access.ts";
import { matrixPrincipal, mayBeIn } from "./admit.ts";
import type { MatrixClient } from "./client.ts";
import type { MatrixCrypto } from "./crypto/crypto.ts";
import { MatrixError } from "./error.ts";
import type { MembershipFacts } from "./event.ts";
import { agentOf, isOurs } from "./ids.ts";

/** What settling a membership needs. */
export interface MembershipDeps {
  readonly config: () => Config;
  readonly rooms: Pick<MatrixRooms, "set" | "of" | "markEncrypted">;
  readonly client: Pick<
    MatrixClient,
    "join" | "leave" | "joinedRooms" | "joinedMembers" | "getState" | "accountData" | "setAccountData"
  >;
  readonly crypto: Pick<MatrixCrypto, "forget">;
  readonly log: Log;
}

/** How a membership push ended: `refused` with the reason where an invite was declined. */
export type MembershipOutcome = { readonly state: "done" } | { readonly state: "refused"; readonly reason: string };

/** Why an invite may be accepted, or why not. Pure. `config`: the room is named; `direct`: by the inviter's right. */
function judgeInvite(config: Config, facts: MembershipFacts): "config" | "direct" | { readonly refused: string } {
  const agent = agentOf(config, facts.user);
  if (!agent?.matrix) return { refused: "the user is no agent of the config" };
  // Whoever invites: the config has said that the agent belongs there.
  if (agent.matrix.rooms.includes(facts.room)) return "config";
  if (!mayTalk(config, matrixPrincipal(facts.sender), agent, undefined))
    return { refused: "the inviter may not use the agent" };
  if (!agent.matrix.direct) return { refused: "the agent takes no direct chats" };
  // An allowed person must not pull an agent into any room they like: only a room named by config, or a direct chat.
  if (!facts.isDirect) return { refused: "the room is not in the config and no direct chat" };
  return "direct";
}

/**
 * The push only wakes: what is true now is asked of the homeserver, as pushes may be worked on out of order and again
 * after a crash. Every change is followed by a push of its own, so the last one worked on finds the last state.
 * Throws where the homeserver or the database could not be reached; safe to repeat.
 */
export async function settleMembership(
  deps: MembershipDeps,
  pending: PendingMembership,
  signal?: AbortSignal,
): Promise<MembershipOutcome> {
  const facts = pending.body as MembershipFacts;
  const { user, room } = facts;
  if (!agentOf(deps.config(), user) && facts.membership !== "invite") return { state: "done" };
  if (facts.replacement !== undefined) return followTombstone(deps, facts, facts.replacement, signal);
  const joined = await isJoined(deps, facts, signal);
  if (facts.membership === "invite") return answerInvite(deps, facts, joined, signal);
  const now: RoomMembership = joined ? "join" : facts.membership === "join" ? "leave" : facts.membership;
  await deps.rooms.set(user, room, now, { at: pending.receivedAt });
  if (joined) await noteEncryption(deps, user, room, signal);
  else if (facts.membership !== "join") {
    if (facts.sender !== user)
      deps.log.warn({ user, room, by: facts.sender, membership: now }, "matrix: an agent was removed from a room");
    deps.crypto.forget(user, room);
  }
  return { state: "done" };
}

/**
 * A room that was upgraded is left for the one that replaced it, which counts as the old one: the config's rights on it
 * hold there, for the same people. The new room must name the old one too, or anybody could be led into any room.
 */
async function followTombstone(
  { client, rooms, log }: MembershipDeps,
  facts: MembershipFacts,
  replacement: string,
  signal?: AbortSignal,
): Promise<MembershipOutcome> {
  const { user, room } = facts;
  const seat = (await rooms.of(user)).find((each) => each.room === room);
  if (!seat || seat.membership !== "join") return { state: "done" };
  try {
    const tombstone = await client.getState(user, room, "m.room.tombstone", "", signal);
    if (tombstone?.["replacement_room"] !== replacement)
      return { state: "refused", reason: "the room says no more that it was replaced by that one" };
    await client.join(user, replacement, signal);
    const { predecessor } = (await client.getState(user, replacement, "m.room.create", "", signal)) ?? {};
    if ((predecessor as { room_id?: unknown } | undefined)?.room_id !== room) {
      await client.leave(user, replacement, undefined, signal);
      return { state: "refused", reason: "the replacement does not name this room as its predecessor" };
    }
  } catch (thrown) {
    if (!isFinal(thrown)) throw thrown;
    // The person who upgraded it usually invites everybody: then it counts as any other invite.
    log.warn(
      { err: thrown, user, room, replacement },
      "matrix: the room was replaced, and its replacement cannot be entered",
    );
    return { state: "refused", reason: "the replacement could not be joined" };
  }
  const { direct, inviter, origin = room } = seat;
  await rooms.set(user, replacement, "join", { direct, ...(inviter !== undefined && { inviter }), origin });
  await noteEncryption({ client, rooms }, user, replacement, signal);
  log.warn({ user, room, replacement }, "matrix: a room was upgraded and followed: name the new room in the config");
  return { state: "done" };
}

async function isJoined({ client }: MembershipDeps, facts: MembershipFacts, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await client.joinedRooms(facts.user, signal)).includes(facts.room);
  } catch (thrown) {
    // The homeserver does not let us act as this user: it was never registered, and is in no room.
    if (isFinal(thrown)) return false;
    throw thrown;
  }
}

/** An agent found joined already is at the second half of an interrupted try, or the invite is an old one. */
async function answerInvite(
  deps: MembershipDeps,
  facts: MembershipFacts,
  joined: boolean,
  signal?: AbortSignal,
): Promise<MembershipOutcome> {
  const { user, room, sender } = facts;
  const verdict = judgeInvite(deps.config(), facts);
  if (typeof verdict === "object") {
    // One agent invites another to a self-test alone, which joins for it (crypto/selftest.ts).
    if (joined || isOurs(deps.config(), sender)) return { state: "done" };
    const replaced = await replacedRoom(deps, facts, signal);
    if (replaced !== undefined) return followTombstone(deps, { ...facts, room: replaced }, room, signal);
    return decline(deps, facts, verdict.refused, signal);
  }

  const direct = verdict === "direct";
  // Before the join: a message pushed right after it must find the agent in the room.
  await deps.rooms.set(user, room, "join", { direct, inviter: sender });
  try {
    if (!joined) await deps.client.join(user, room, signal);
  } catch (thrown) {
    if (!isFinal(thrown)) throw thrown;
    await deps.rooms.set(user, room, "leave");
    deps.log.warn({ err: thrown, user, room, inviter: sender }, "matrix: an invite could not be accepted");
    return { state: "refused", reason: "the join was refused" };
  }
  if (direct && !(await isPair(deps, facts, signal)))
    return decline(deps, facts, "said to be a direct chat, but others are there", signal);
  deps.log.info({ user, room, inviter: sender, direct }, "matrix: an agent joined a room");
  if (direct) await noteDirect(deps, facts, signal);
  await noteEncryption(deps, user, room, signal);
  return { state: "done" };
}

/** Our room that says that it was replaced by this one: whoever upgrades a private room invites everybody to the new one. */
async function replacedRoom(
  { client, rooms, config }: MembershipDeps,
  { user, room, sender }: MembershipFacts,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const agent = agentOf(config(), user);
  if (!agent || !mayTalk(config(), matrixPrincipal(sender), agent, undefined)) return undefined;
  for (const seat of await rooms.of(user)) {
    if (seat.membership !== "join" || !mayBeIn(config(), agent, seat.room, seat)) continue;
    const tombstone = await client.getState(user, seat.room, "m.room.tombstone", "", signal);
    if (tombstone?.["replacement_room"] === room) return seat.room;
  }
  return undefined;
}

async function decline(
  { client, rooms, log }: MembershipDeps,
  facts: MembershipFacts,
  reason: string,
  signal?: AbortSignal,
): Promise<MembershipOutcome> {
  const { user, room, sender } = facts;
  try {
    await client.leave(user, room, undefined, signal);
  } catch (thrown) {
    // Taken back meanwhile, or a user that does not exist: nothing is left to decline.
    if (!isFinal(thrown)) throw thrown;
  }
  await rooms.set(user, room, "leave");
  log.warn({ user, room, inviter: sender, reason }, "matrix: an invite was declined");
  return { state: "refused", reason };
}

/** Lists the room as a direct chat in the agent's account, as a client does (spec: m.direct). Nothing here hangs on it. */
async function noteDirect(
  { client, log }: MembershipDeps,
  facts: MembershipFacts,
  signal?: AbortSignal,
): Promise<void> {
  const { user, room, sender } = facts;
  try {
    const before = (await client.accountData(user, "m.direct", signal)) ?? {};
    const listed = before[sender];
    const rooms: unknown[] = Array.isArray(listed) ? listed : [];
    if (!rooms.includes(room))
      await client.setAccountData(user, "m.direct", { ...before, [sender]: [...rooms, room] }, signal);
  } catch (thrown) {
    if (!(thrown instanceof MatrixError)) throw thrown;
    log.warn({ err: thrown, user, room }, "matrix: a direct chat could not be listed in the agent's account data");
  }
}

/** `is_direct` is only the inviter's word. Throws where it cannot be known, so that the task is repeated. */
async function isPair({ client }: MembershipDeps, facts: MembershipFacts, signal?: AbortSignal): Promise<boolean> {
  return (await client.joinedMembers(facts.user, facts.room, signal)).length <= 2;
}

/** Flags an encrypted room. */
export async function noteEncryption(
  { client, rooms }: Pick<MembershipDeps, "client" | "rooms">,
  user: string,
  room: string,
  signal?: AbortSignal,
): Promise<void> {
  const state = await client.getState(user, room, "m.room.encryption", "", signal);
  if (state === undefined) return;
  await rooms.markEncrypted(room);
}

const isFinal = (thrown: unknown): boolean =>
  thrown instanceof MatrixError && !thrown.transient && thrown.httpStatus !== 401;
