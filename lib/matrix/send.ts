/**
 * The one place that sends a message to a room. No plaintext goes into an encrypted room: the homeserver is asked anew
 * before every send, and a room once known as encrypted stays so whatever it answers.
 */
import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import { callMatrix, path } from "./call.ts";
import { deviceId, type MatrixClient } from "./client.ts";
import { MatrixError } from "./error.ts";

/** What sending needs. */
export interface SendDeps {
  readonly config: () => Config;
  readonly client: Pick<MatrixClient, "getState">;
  readonly rooms: Pick<MatrixRooms, "encrypted" | "markEncrypted">;
}

/** One message event. */
export interface RoomMessage {
  /** Full user id of the agent that speaks. */
  readonly user: string;
  readonly room: string;
  /** Unique; sending it again sends nothing more. Also kept in the content, for when Synapse has forgotten it (24 h). */
  readonly key: string;
  readonly content: object;
}

/** The room is encrypted, so nothing was sent. */
export class EncryptedRoomError extends ClawError {
  constructor(room: string) {
    super("channel_failed", `${room} is encrypted, which is not supported yet: nothing was sent`);
    this.name = "EncryptedRoomError";
  }
}

/** The transaction id of a key: 40 hex digits. */
export const txnIdOf = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 40);

/** Sends and returns the event id. Throws EncryptedRoomError, or MatrixError for what the homeserver answered. */
export async function sendToRoom(deps: SendDeps, message: RoomMessage, signal?: AbortSignal): Promise<string> {
  const { user, room, key } = message;
  const [known, state] = await Promise.all([
    deps.rooms.encrypted(room),
    deps.client.getState(user, room, "m.room.encryption", "", signal),
  ]);
  if (state !== undefined && !known) await deps.rooms.markEncrypted(room);
  if (known || state !== undefined) throw new EncryptedRoomError(room);

  const sendPath = path`/_matrix/client/v3/rooms/${room}/send/m.room.message/${txnIdOf(key)}`;
  const body = { ...message.content, "dev.openclaw.key": key };
  const answer = await callMatrix(deps.config(), "PUT", sendPath, { user, device: deviceId, body, signal });
  const eventId = answer["event_id"];
  if (typeof eventId !== "string") throw new MatrixError(`PUT ${sendPath}`, {});
  return eventId;
}
