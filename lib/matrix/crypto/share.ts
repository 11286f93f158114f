/** Gives a room's key to those who are to read what is said there: asked for anew before every send. */
import type { EncryptionSettings, ToDeviceRequest } from "@matrix-org/matrix-sdk-crypto-wasm";
import { ClawError } from "../../errors.ts";
import { knownIdentities } from "../../ledger/matrix-identities.ts";
import { outboxKeys } from "../../ledger/outbox.ts";
import { leftOutKey, leftOutNotice, strangerNotice, type Tell } from "../notices.ts";
import { publicKeyIn } from "./identity.ts";
import { freshMs } from "./fresh-rooms.ts";
import { type CryptoMember, settingsOf } from "./member.ts";
import { pull } from "./pull.ts";
import { flushRequests, sendKeyRequest } from "./requests.ts";
import { userIds, type Wasm } from "./wasm.ts";

/** What sharing needs besides the agent. */
export interface ShareDeps {
  readonly tell: Tell;
}

/** Whom a key is for. */
export interface Audience {
  readonly room: string;
  /** Who is not believed too, on every device: for a line that says so. What is said next has another key. */
  readonly toAll: boolean;
}

/**
 * Shares the room's key with the joined members' devices and says in the room whose cannot read it; `toAll` leaves nobody
 * out. A key that some had who are left out now is replaced by the machine itself. `room` is held by the caller's mutex.
 * Throws where somebody could not be asked or told: nothing must then be sent.
 */
export async function shareRoomKey(
  deps: ShareDeps,
  member: CryptoMember,
  { room, toAll }: Audience,
  signal?: AbortSignal,
): Promise<void> {
  const { tell } = deps;
  const { machine, user, mutex } = member;
  const { wasm } = machine;
  const [{ members, encryption, visibility }] = await Promise.all([
    member.rooms.of(room, signal),
    // Without the flags nothing tells us of new devices. The pull that a message was read after will do for a quick answer.
    member.pulling.done && performance.now() - member.pulling.at <= freshMs ? undefined : pull(member),
  ]);
  if (!members.includes(user)) throw new ClawError("channel_failed", `${user} is not in ${room} any more`);
  await machine.unit((olm) => olm.updateTrackedUsers(userIds(wasm, members)));
  await flushRequests(member);
  const strangers = toAll ? new Map<string, string>() : await strangersAmong(member, members);
  for (const [person, masterKey] of strangers) tell(strangerNotice(user, room, person, masterKey));
  const readers = members.filter((each) => !strangers.has(each));
  await mutex.run("claim", async () => {
    const claim = await machine.unit((olm) => olm.getMissingSessions(userIds(wasm, readers)));
    if (claim) await sendKeyRequest(member, claim);
  });
  const settings = settingsFor(
    wasm,
    encryption ?? ordinary,
    visibility,
    toAll ? "all" : settingsOf(member)?.matrix?.share_keys_with,
  );
  const requests = await machine.unit((olm) =>
    olm.shareRoomKey(new wasm.RoomId(room), userIds(wasm, readers), settings),
  );
  for (const request of requests) await sendKeyRequest(member, request);
  const left = leftOut(requests).filter((each) => each.user !== user);
  if (left.length === 0) return;
  const told = (await outboxKeys(member.sql, leftOutKey(user, room))).map((key) => `${key}:`).join("");
  const untold = left.filter((each) => !told.includes(`:${each.user} ${each.device}:`));
  if (untold.length > 0) tell(leftOutNotice(user, room, untold));
}

/**
 * Members whose identity is not the one they are known by, with the one they show. The machine refuses to send anything to
 * somebody who was verified and has another identity since; where the operator trusts that one, so does it.
 */
async function strangersAmong(member: CryptoMember, members: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (settingsOf(member)?.matrix?.sender_trust === "any") return new Map();
  const { wasm } = member.machine;
  const known = await knownIdentities(member.sql, members);
  return member.machine.unit(async (olm) => {
    const strangers = new Map<string, string>();
    for (const [user, { masterKey }] of known) {
      const identity = await olm.getIdentity(new wasm.UserId(user));
      const shown = identity && publicKeyIn(identity.masterKey);
      if (masterKey !== undefined && shown !== undefined && shown !== masterKey) strangers.set(user, shown);
      else if (identity?.hasVerificationViolation()) await identity.withdrawVerification();
    }
    return strangers;
  });
}

/** Of a room that is known as encrypted and whose homeserver no longer says how. */
const ordinary = { algorithm: "m.megolm.v1.aes-sha2" } as const;

/** The room's wishes; throws ClawError `channel_failed` for an algorithm that is none of ours. */
function settingsFor(
  wasm: typeof Wasm,
  room: Readonly<Record<string, unknown>>,
  visibility: Readonly<Record<string, unknown>> | undefined,
  shareWith: "cross-signed" | "all" = "cross-signed",
): EncryptionSettings {
  if (room["algorithm"] !== "m.megolm.v1.aes-sha2")
    throw new ClawError(
      "channel_failed",
      `the room's encryption algorithm is ${String(room["algorithm"])}, which is unknown`,
    );
  const settings = new wasm.EncryptionSettings();
  const { rotation_period_msgs: messages, rotation_period_ms: ms } = room;
  if (isCount(messages)) settings.rotationPeriodMessages = BigInt(messages);
  // In microseconds.
  if (isCount(ms)) settings.rotationPeriod = BigInt(ms) * 1000n;
  settings.historyVisibility = visibilityOf(wasm, visibility?.["history_visibility"]);
  settings.sharingStrategy =
    shareWith === "all" ? wasm.CollectStrategy.allDevices() : wasm.CollectStrategy.identityBasedStrategy();
  return settings;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** A change of it makes the machine begin a new session. What is not said is "shared" (spec: Room History Visibility). */
function visibilityOf({ HistoryVisibility }: typeof Wasm, value: unknown) {
  if (value === "joined") return HistoryVisibility.Joined;
  if (value === "invited") return HistoryVisibility.Invited;
  if (value === "world_readable") return HistoryVisibility.WorldReadable;
  return HistoryVisibility.Shared;
}

/** The devices that are told that they get no key, but for those that had no one-time key left: they will get it. */
function leftOut(requests: readonly ToDeviceRequest[]): { user: string; device: string }[] {
  return requests
    .filter((request) => request.event_type === "m.room_key.withheld")
    .flatMap((request) => {
      const { messages = {} } = JSON.parse(request.body) as {
        messages?: Record<string, Record<string, { readonly code?: string }>>;
      };
      return Object.entries(messages).flatMap(([user, devices]) =>
        Object.entries(devices).flatMap(([device, { code }]) => (code === "m.no_olm" ? [] : [{ user, device }])),
      );
    });
}
