/**
 * The one place that sends an event to a room. What goes into a room is either encrypted by the agent's machine, or plain
 * with a proof that the homeserver was asked a moment before and the room was never known to be encrypted, or one of two
 * reactions, which no client encrypts: there is no other way to call `put`.
 */
import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import { callMatrix, path } from "./call.ts";
import type { DeviceIds, MatrixClient } from "./client.ts";
import { EncryptedContent, type PlainMessage } from "./crypto/encrypt.ts";
import { MatrixError } from "./error.ts";
import type { no, yes } from "./reaction.ts";

/** What sending needs. */
export interface SendDeps {
  readonly config: () => Config;
  readonly client: Pick<MatrixClient, "getState">;
  readonly rooms: Pick<MatrixRooms, "encrypted" | "markEncrypted">;
  readonly deviceIds: DeviceIds;
  readonly crypto: { encrypt(message: PlainMessage, signal?: AbortSignal): Promise<EncryptedContent> };
}

/** One event to be sent. */
export interface RoomMessage {
  /** Full user id of the agent that speaks. */
  readonly user: string;
  readonly room: string;
  /** Unique; sending it again sends nothing more. Also kept in the content, for when Synapse has forgotten it (24 h). */
  readonly key: string;
  /** Default: m.room.message. */
  readonly type?: string;
  /** Made when it is known whether the room is encrypted: a file is uploaded encrypted for one that is. */
  readonly content: (encrypted: boolean) => Promise<object>;
  /** The encrypted content (JSON) of an earlier attempt. */
  readonly ciphertext?: string | undefined;
}

/** The transaction id of a key: 40 hex digits. */
export const txnIdOf = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 40);

/** Rooms found encrypted, by the ledger that keeps them. Once known as encrypted a room stays so, whatever the homeserver says. */
const encryptedRooms = new WeakMap<SendDeps["rooms"], Set<string>>();

/** A plain content for a room that was found unencrypted; made here alone. */
class UnencryptedContent {
  readonly #content: object;

  private constructor(content: object) {
    this.#content = content;
  }

  get wire(): object {
    return this.#content;
  }

  /** Asks the homeserver anew; throws where it does not say. */
  static async for(
    deps: SendDeps,
    { user, room }: RoomMessage,
    signal?: AbortSignal,
  ): Promise<"encrypted" | ((content: object) => UnencryptedContent)> {
    const found = encryptedRooms.get(deps.rooms) ?? new Set();
    encryptedRooms.set(deps.rooms, found);
    if (found.has(room)) return "encrypted";
    const [known, state] = await Promise.all([
      deps.rooms.encrypted(room),
      deps.client.getState(user, room, "m.room.encryption", "", signal),
    ]);
    if (!known && state === undefined) return (content) => new UnencryptedContent(content);
    if (!known) await deps.rooms.markEncrypted(room);
    found.add(room);
    return "encrypted";
  }
}

/** MSC4095, "Bundled URL previews": no client is to fetch one. That is a request without a click, and may carry what it likes. */
export const withoutPreviews = { "com.beeper.linkpreviews": [] } as const;

/** A yes or a no put on an event of the agent's own, for others to tap: it says nothing that anybody wrote. */
class ReactionContent {
  readonly wire: object;

  private constructor(wire: object) {
    this.wire = wire;
  }

  static on(event: string, key: typeof yes | typeof no): ReactionContent {
    return new ReactionContent({ "m.relates_to": { rel_type: "m.annotation", event_id: event, key } });
  }
}

/** Reacts to an event and returns the reaction's id. Throws as `sendToRoom`. */
export const sendReaction = (
  deps: SendDeps,
  message: Pick<RoomMessage, "user" | "room" | "key"> & {
    readonly to: string;
    readonly reaction: typeof yes | typeof no;
  },
  signal?: AbortSignal,
): Promise<string> =>
  put(deps, { ...message, type: "m.reaction" }, ReactionContent.on(message.to, message.reaction), signal);

/** Sends and returns the event id. Throws MatrixError for what the homeserver answered, ClawError where it cannot encrypt. */
export async function sendToRoom(deps: SendDeps, message: RoomMessage, signal?: AbortSignal): Promise<string> {
  const { user, room, key, type = "m.room.message", ciphertext } = message;
  if (ciphertext !== undefined) return put(deps, message, EncryptedContent.parse(ciphertext), signal);
  const found = await UnencryptedContent.for(deps, message, signal);
  const content = {
    ...(await message.content(found === "encrypted")),
    ...(type === "m.room.message" && withoutPreviews),
    "dev.openclaw.key": key,
  };
  if (found !== "encrypted") return put(deps, message, found(content), signal);
  return put(deps, message, await deps.crypto.encrypt({ user, room, key, type, content }, signal), signal);
}

async function put(
  { config, deviceIds }: SendDeps,
  { user, room, key, type = "m.room.message" }: Omit<RoomMessage, "content">,
  content: EncryptedContent | UnencryptedContent | ReactionContent,
  signal?: AbortSignal,
): Promise<string> {
  const sent = content instanceof EncryptedContent ? "m.room.encrypted" : type;
  const sendPath = path`/_matrix/client/v3/rooms/${room}/send/${sent}/${txnIdOf(key)}`;
  const device = await deviceIds.of(user);
  const answer = await callMatrix(config(), "PUT", sendPath, { user, device, body: content.wire, signal });
  const eventId = answer["event_id"];
  if (typeof eventId !== "string") throw new MatrixError(`PUT ${sendPath}`, {});
  return eventId;
}
