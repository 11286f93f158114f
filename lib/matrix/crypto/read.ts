/**
 * Encrypted events of the inbox, read and turned into what they say, in the transaction that ends them. What cannot be
 * read stays, is tried again after every pull, and is at last told in the room; nothing is dropped.
 */
import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { TransactionSql } from "postgres";
import { type EncryptedRow, endRead, markUnreadable } from "../../ledger/matrix-encrypted.ts";
import type { InboxEntry, TransactionalInbox } from "../../ledger/inbox.ts";
import { type KnownIdentity, knownIdentities, noteRefused, pinIdentity } from "../../ledger/matrix-identities.ts";
import { eventSource, matrixLane } from "../../ledger/matrix-events.ts";
import type { Metrics } from "../../metrics.ts";
import type { Understand, Understood } from "../entries.ts";
import { decode, isVerification } from "../decode.ts";
import type { EncryptedEvent, MatrixEvent } from "../event.ts";
import { disbeliefNotice, type Notice, type Tell } from "../notices.ts";
import { type Belief, judgeSender, type SenderFacts } from "./believe.ts";
import { publicKeyIn } from "./identity.ts";
import { isCrash } from "./machine.ts";
import { megolmPlace } from "./megolm-place.ts";
import { type CryptoMember, settingsOf } from "./member.ts";
import { flushRequests } from "./requests.ts";
import { userIds, type Wasm } from "./wasm.ts";

/** What reading needs besides the agent. */
export interface ReadDeps {
  readonly inbox: TransactionalInbox;
  readonly understand: Understand;
  /** Takes part in a verification over a room. */
  readonly verification: (member: CryptoMember, event: DecryptedEvent) => Promise<void>;
  readonly tell: Tell;
  readonly metrics: Pick<Metrics, "decryptFailures">;
  /** Hears of a message of the self-test; true: it is one, and nothing else. */
  readonly selftest: (member: CryptoMember, event: DecryptedEvent) => boolean;
}

/** An event as its sender wrote it. */
export interface DecryptedEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What became of one row. */
type Outcome =
  | {
      readonly row: EncryptedRow;
      readonly state: "read";
      readonly event: DecryptedEvent;
      readonly belief: Belief;
      readonly facts: SenderFacts;
    }
  | { readonly row: EncryptedRow; readonly state: "unreadable"; readonly reason: string };

/** Reads these rows; returns the ids of those that could not be. Call after a pull: senders are weighed by what is known. */
export async function readRows(
  deps: ReadDeps,
  member: CryptoMember,
  rows: readonly EncryptedRow[],
): Promise<readonly number[]> {
  const { machine, user, log } = member;
  await know(member, [...new Set(rows.map(({ event }) => event.sender))]);
  const outcomes = await machine.unit((olm) => decryptAll(member, olm, rows));
  const meaning = await meaningOf(deps, member, outcomes);
  let accepted: ReadonlySet<string> = new Set();
  // Decrypting changes nothing of the store; this unit is for its fence.
  await machine.unit(
    async () => undefined,
    async (tx) => (accepted = await commit(deps, member, tx, outcomes, meaning.entries)),
  );
  // While the agent thinks: the answer then need not wait for it.
  for (const room of new Set(outcomes.map(({ row }) => row.event.room_id)))
    if (meaning.entries.some(({ lane, state }) => state === "new" && lane.split("|")[1] === room))
      member.rooms.expect(room, member.signal);
  deps.inbox.announce(meaning.entries, accepted);
  for (const notice of meaning.notices) deps.tell(notice);
  const count = (outcome: "unreadable" | "disbelieved"): void =>
    deps.metrics.decryptFailures.inc({ agent: settingsOf(member)?.name ?? "none", outcome });
  for (const outcome of outcomes)
    if (outcome.state === "unreadable") {
      // It is tried again after every pull, and counts once.
      if (outcome.row.reason === undefined) count("unreadable");
      log.debug({ user, reason: outcome.reason }, "matrix: an event cannot be read yet");
    } else if (isVerification(outcome.event)) await deps.verification(member, outcome.event);
    else if (!outcome.belief.believed) {
      count("disbelieved");
      log.warn({ user, sender: outcome.event.sender, why: outcome.belief.why }, "matrix: a sender is not believed");
    }
  return outcomes.flatMap(({ state, row }) => (state === "unreadable" ? [row.id] : []));
}

/** The senders' devices must be known before their messages are weighed. */
async function know(member: CryptoMember, senders: readonly string[]): Promise<void> {
  const { machine } = member;
  const fresh = await machine.unit(async (olm) => {
    const tracked = new Set([...(await olm.trackedUsers())].map((user) => user.toString()));
    const missing = senders.filter((sender) => !tracked.has(sender));
    if (missing.length > 0) await olm.updateTrackedUsers(userIds(machine.wasm, missing));
    return missing.length > 0;
  });
  if (fresh) await flushRequests(member);
}

async function decryptAll(
  member: CryptoMember,
  olm: OlmMachine,
  rows: readonly EncryptedRow[],
): Promise<readonly Outcome[]> {
  const known = await knownIdentities(member.sql, [...new Set(rows.map(({ event }) => event.sender))]);
  const trust = settingsOf(member)?.matrix?.sender_trust ?? "cross-signed";
  const outcomes: Outcome[] = [];
  for (const row of rows) outcomes.push(await readOne(member, olm, row, known, trust));
  return outcomes;
}

async function meaningOf(deps: ReadDeps, member: CryptoMember, outcomes: readonly Outcome[]): Promise<Understood> {
  const events: MatrixEvent[] = [];
  const notices: Notice[] = [];
  const refused: InboxEntry[] = [];
  for (const outcome of outcomes) {
    if (outcome.state !== "read" || isVerification(outcome.event)) continue;
    const { event, belief, row, facts } = outcome;
    if (belief.believed && deps.selftest(member, event)) continue;
    // The homeserver allows or refuses everything else by its type, which it cannot see here.
    if (event.type !== "m.room.message" && event.type !== "m.reaction") continue;
    if (belief.believed)
      events.push(decode({ ...row.event, type: event.type, content: event.content }, new Date(), true));
    else if (event.content["msgtype"] !== "m.notice") {
      const { thread } = row;
      const about = { room: event.room_id, eventId: event.event_id, sender: event.sender, thread };
      notices.push(disbeliefNotice(member.user, about, belief.why, facts.device?.id));
      refused.push(refusedEntry(member, row, `sender not believed: ${belief.why}`));
    }
  }
  const understood = await deps.understand(member.config(), events, {
    digest: `decrypted:${outcomes[0]?.row.event.event_id ?? ""}:${member.user}`,
    only: member.user,
  });
  return { entries: [...understood.entries, ...refused], notices: [...notices, ...understood.notices] };
}

const refusedEntry = (member: CryptoMember, { event, thread }: EncryptedRow, reason: string): InboxEntry => ({
  source: eventSource(event.event_id, member.user),
  channel: "matrix",
  lane: matrixLane(member.user, event.room_id, thread),
  principal: `matrix:${event.sender}`,
  kind: "message",
  state: "refused",
  reason,
});

async function commit(
  { inbox }: ReadDeps,
  member: CryptoMember,
  tx: TransactionSql,
  outcomes: readonly Outcome[],
  entries: readonly InboxEntry[],
): Promise<ReadonlySet<string>> {
  const dropped = new Set<string>();
  const copies: InboxEntry[] = [];
  // One connection: they are sent together and done one after the other.
  await Promise.all(
    outcomes.map(async (outcome) => {
      if (outcome.state === "unreadable") return keep(tx, outcome);
      const { row, event } = outcome;
      const place = megolmPlace(row.event);
      const { open, first } = await endRead(tx, member.user, { id: row.id, eventId: event.event_id, place });
      if (isVerification(event)) return;
      await noteSender(tx, outcome);
      const isCopy = !first || !place;
      if (!open || isCopy) dropped.add(eventSource(event.event_id, member.user));
      if (!isCopy) return;
      copies.push(refusedEntry(member, row, "the same words as another event: a copy"));
      member.log.error(
        { user: member.user, sender: event.sender, event: event.event_id },
        "matrix: a message was sent again under another id, by its sender's client or by somebody else: it is not acted on",
      );
    }),
  );
  return inbox.acceptWithin(tx, [...entries.filter(({ source }) => !dropped.has(source)), ...copies]);
}

async function keep(tx: TransactionSql, { row, reason }: Outcome & { state: "unreadable" }): Promise<void> {
  if (row.reason !== reason) await markUnreadable(tx, row.id, reason, row.told);
}

/** The identity first seen for a person is theirs; what was refused is remembered for `claw matrix trust`. */
async function noteSender(tx: TransactionSql, { belief, facts, event }: Outcome & { state: "read" }): Promise<void> {
  if (belief.believed) {
    if (belief.pin !== undefined) await pinIdentity(tx, event.sender, belief.pin);
    return;
  }
  await noteRefused(tx, event.sender, {
    masterKey: belief.why === "another identity" ? facts.masterKey : undefined,
    device: belief.why === "unsigned device" ? facts.device : undefined,
  });
}

async function readOne(
  { machine, troubles }: CryptoMember,
  olm: OlmMachine,
  row: EncryptedRow,
  known: ReadonlyMap<string, KnownIdentity>,
  trust: "cross-signed" | "any",
): Promise<Outcome> {
  const { wasm } = machine;
  const { event } = row;
  // Element sends the messages of a verification as they are, in encrypted rooms too.
  if (event.type !== "m.room.encrypted") {
    const facts = { device: undefined, masterKey: undefined, authentic: false };
    return { row, state: "read", event, belief: { believed: false, why: "unknown device" }, facts };
  }
  try {
    const settings = new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted);
    const decrypted = await olm.decryptRoomEvent(JSON.stringify(event), new wasm.RoomId(event.room_id), settings);
    const facts = await factsOf(wasm, olm, event, decrypted);
    troubles.decrypted(true);
    return {
      row,
      state: "read",
      event: { ...event, ...saidBy(decrypted.event) },
      belief: judgeSender(facts, known.get(event.sender), trust),
      facts,
    };
  } catch (thrown) {
    if (isCrash(thrown)) throw thrown;
    return { row, state: "unreadable", reason: reasonOf(wasm, thrown) };
  }
}

/** What was encrypted, which need not be an event: its sender's client may have put any JSON there. */
export function saidBy(json: string): Pick<DecryptedEvent, "type" | "content"> {
  const { type, content } = JSON.parse(json) as { type?: unknown; content?: unknown };
  const isContent = typeof content === "object" && content !== null && !Array.isArray(content);
  return {
    type: typeof type === "string" ? type : "",
    content: isContent ? (content as DecryptedEvent["content"]) : {},
  };
}

/** A few words for the inbox: a withheld code, or what kind of failure. */
function reasonOf(wasm: typeof Wasm, thrown: unknown): string {
  if (!(thrown instanceof wasm.MegolmDecryptionError)) return "cannot be decrypted (malformed)";
  const { code, withheldCode } = thrown;
  if (withheldCode !== undefined) return `withheld: ${withheldCode}`;
  const { MissingRoomKey, UnknownMessageIndex } = wasm.DecryptionErrorCode;
  return code === MissingRoomKey || code === UnknownMessageIndex
    ? "no key"
    : `cannot be decrypted (${wasm.DecryptionErrorCode[code]})`;
}

async function factsOf(
  wasm: typeof Wasm,
  olm: OlmMachine,
  event: EncryptedEvent,
  decrypted: Awaited<ReturnType<OlmMachine["decryptRoomEvent"]>>,
): Promise<SenderFacts> {
  const identity = await olm.getIdentity(new wasm.UserId(event.sender));
  const devices = (await olm.getUserDevices(new wasm.UserId(event.sender))).devices();
  const device = devices.find(
    (each) =>
      each.curve25519Key?.toBase64() === decrypted.senderCurve25519Key &&
      each.ed25519Key?.toBase64() === decrypted.senderClaimedEd25519Key,
  );
  const { code } = decrypted.shieldState(true);
  const { AuthenticityNotGuaranteed, MismatchedSender } = wasm.ShieldStateCode;
  return {
    device: device && {
      id: device.deviceId.toString(),
      ed25519: device.ed25519Key?.toBase64() ?? "",
      crossSigned: device.isCrossSignedByOwner(),
    },
    masterKey: identity && publicKeyIn(identity.masterKey),
    authentic: decrypted.forwarder === undefined && code !== AuthenticityNotGuaranteed && code !== MismatchedSender,
  };
}
