/**
 * The client-server calls the gateway needs, as the application service, masquerading as an agent's user. Sending
 * messages is not among them: that is send.ts alone.
 */
import { randomBytes } from "node:crypto";
import type { Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { callMatrix, fetchMatrix, path } from "./call.ts";
import { hasErrcode, MatrixError } from "./error.ts";
import { isUserId } from "./ids.ts";
import { type MediaRef, parseMxc } from "./mxc.ts";

/** Which device each agent's user has: one, and sends name it, as Synapse keeps a transaction id for a day only with a device. */
export interface DeviceIds {
  of(user: string): Promise<string>;
}

/** The device of an agent that never needed another. */
export const firstDeviceId = "OPENCLAW";

/** A fresh one, for an agent whose device cannot be used any more. */
export const newDeviceId = (): string => `${firstDeviceId}_${randomBytes(4).toString("hex").toUpperCase()}`;

const fixedDevices: DeviceIds = { of: async () => firstDeviceId };

/** The id of the application service in its registration; the homeserver is asked to ping it by that. */
export const serviceId = "openclaw";

/** What of a room's state its encryption hangs on. */
export interface RoomState {
  /** Joined members. */
  readonly members: readonly string[];
  /** Content of m.room.encryption; undefined: the room has none. */
  readonly encryption: Readonly<Record<string, unknown>> | undefined;
  /** Content of m.room.history_visibility. */
  readonly visibility: Readonly<Record<string, unknown>> | undefined;
}

/** The homeserver as the gateway calls it; every method throws MatrixError. */
export interface MatrixClient {
  /** Whom the token, acting as `user`, is. */
  whoami(user?: string, signal?: AbortSignal): Promise<string>;
  /** Whether it takes `as_token` itself, not only the one from before a rotation. */
  takesToken(signal?: AbortSignal): Promise<boolean>;
  /** Makes the user where it does not exist yet. */
  register(localpart: string, signal?: AbortSignal): Promise<void>;
  /** Makes the agent's device where it does not exist yet. */
  ensureDevice(user: string, signal?: AbortSignal): Promise<void>;
  /** Ids of all devices of a user. */
  devices(user: string, signal?: AbortSignal): Promise<readonly string[]>;
  deleteDevice(user: string, device: string, signal?: AbortSignal): Promise<void>;
  join(user: string, room: string, signal?: AbortSignal): Promise<void>;
  /** Leaves a room or declines an invite. */
  leave(user: string, room: string, reason?: string, signal?: AbortSignal): Promise<void>;
  /** Makes a private room; returns its id. */
  createRoom(
    user: string,
    room: { readonly name: string; readonly invite: readonly string[]; readonly encrypted: boolean },
    signal?: AbortSignal,
  ): Promise<string>;
  joinedMembers(user: string, room: string, signal?: AbortSignal): Promise<readonly string[]>;
  joinedRooms(user: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** A state event's content; undefined where the room has none of that type and key. */
  getState(
    user: string,
    room: string,
    type: string,
    key?: string,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The room's whole state in one call. */
  roomState(user: string, room: string, signal?: AbortSignal): Promise<RoomState>;
  /** The user's own account data of a type; undefined where there is none. */
  accountData(user: string, type: string, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>> | undefined>;
  setAccountData(user: string, type: string, content: object, signal?: AbortSignal): Promise<void>;
  /** `forMs` 0 ends it. */
  typing(user: string, room: string, forMs: number, signal?: AbortSignal): Promise<void>;
  /** Marks an event as read, publicly. */
  receipt(user: string, room: string, event: string, thread?: string, signal?: AbortSignal): Promise<void>;
  redact(user: string, room: string, event: string, txnId: string, signal?: AbortSignal): Promise<void>;
  /** The bytes of a file; throws ClawError `too_large` past `limit`. */
  download(user: string, media: MediaRef, limit: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Puts a file on the homeserver and returns its mxc:// URI; without a name, the homeserver learns none. */
  upload(
    user: string,
    bytes: Uint8Array,
    file: { readonly name?: string; readonly type: string },
    signal?: AbortSignal,
  ): Promise<string>;
  /** Asks the homeserver to reach the gateway; throws MatrixError M_CONNECTION_FAILED, M_BAD_STATUS … where it cannot. */
  ping(txnId: string, signal?: AbortSignal): Promise<void>;
}

const client = "/_matrix/client/v3";
/** Uploads stayed here when downloads moved to the client API (spec v1.11). */
const uploadPath = "/_matrix/media/v3/upload";
/** Held by a push that waits for it. */
const quickMs = 3_000;

/** Reads the config anew for every call, so that a reloaded token or address is used at once. */
export function createMatrixClient(config: () => Config, deviceIds: DeviceIds = fixedDevices): MatrixClient {
  const call: (...rest: Tail<Parameters<typeof callMatrix>>) => ReturnType<typeof callMatrix> = (...rest) =>
    callMatrix(config(), ...rest);

  return {
    async whoami(user, signal) {
      return String((await call("GET", `${client}/account/whoami`, { user, signal, timeoutMs: quickMs }))["user_id"]);
    },

    async takesToken(signal) {
      const now = config();
      const alone = { ...now, matrix: now.matrix && { ...now.matrix, previousAsToken: undefined } };
      try {
        await callMatrix(alone, "GET", `${client}/account/whoami`, { signal, timeoutMs: quickMs });
        return true;
      } catch (thrown) {
        if (hasErrcode(thrown, "M_UNKNOWN_TOKEN")) return false;
        throw thrown;
      }
    },

    async register(username, signal) {
      const body = { type: "m.login.application_service", username, inhibit_login: true };
      await ignoring(call("POST", `${client}/register`, { body, signal }), "M_USER_IN_USE");
    },

    async ensureDevice(user, signal) {
      const body = { display_name: "OpenClaw gateway" };
      await call("PUT", client + path`/devices/${await deviceIds.of(user)}`, { user, body, signal });
    },

    async devices(user, signal) {
      const { devices } = await call("GET", `${client}/devices`, { user, signal });
      return Array.isArray(devices) ? strings(devices.map((each: { device_id?: unknown }) => each.device_id)) : [];
    },

    async deleteDevice(user, device, signal) {
      await ignoring(call("DELETE", client + path`/devices/${device}`, { user, body: {}, signal }), "M_NOT_FOUND");
    },

    async join(user, room, signal) {
      await call("POST", client + path`/rooms/${room}/join`, { user, body: {}, signal, timeoutMs: 60_000 });
    },

    async leave(user, room, reason, signal) {
      const body = reason === undefined ? {} : { reason };
      await call("POST", client + path`/rooms/${room}/leave`, { user, body, signal });
    },

    async createRoom(user, { name, invite, encrypted }, signal) {
      const body = {
        name,
        invite,
        preset: "private_chat",
        visibility: "private",
        initial_state: encrypted ? [encryptionState] : [],
      };
      return String((await call("POST", `${client}/createRoom`, { user, body, signal }))["room_id"]);
    },

    async joinedMembers(user, room, signal) {
      const answer = await call("GET", client + path`/rooms/${room}/joined_members`, {
        user,
        signal,
        timeoutMs: quickMs,
      });
      return Object.keys(answer["joined"] ?? {});
    },

    async joinedRooms(user, signal) {
      return strings((await call("GET", `${client}/joined_rooms`, { user, signal }))["joined_rooms"]);
    },

    async getState(user, room, type, key = "", signal) {
      const callPath = client + path`/rooms/${room}/state/${type}/${key}`;
      return ignoring(call("GET", callPath, { user, signal, timeoutMs: 10_000 }), "M_NOT_FOUND");
    },

    async roomState(user, room, signal) {
      const callPath = client + path`/rooms/${room}/state`;
      const events: unknown = await call("GET", callPath, { user, signal, timeoutMs: 10_000 });
      // An empty list would say that the room is not encrypted and nobody there.
      if (!Array.isArray(events) || events.length === 0) throw new MatrixError(`GET ${callPath}`, {});
      const state = events as StateEvent[];
      const content = (type: string) => state.find((event) => event.type === type && event.state_key === "")?.content;
      return {
        members: state.flatMap((event) =>
          event.type === "m.room.member" && event.content?.["membership"] === "join" && isUserId(event.state_key)
            ? [event.state_key]
            : [],
        ),
        encryption: content("m.room.encryption"),
        visibility: content("m.room.history_visibility"),
      };
    },

    async accountData(user, type, signal) {
      return ignoring(call("GET", client + path`/user/${user}/account_data/${type}`, { user, signal }), "M_NOT_FOUND");
    },

    async setAccountData(user, type, body, signal) {
      await call("PUT", client + path`/user/${user}/account_data/${type}`, { user, body, signal });
    },

    async typing(user, room, forMs, signal) {
      const body = forMs > 0 ? { typing: true, timeout: forMs } : { typing: false };
      await call("PUT", client + path`/rooms/${room}/typing/${user}`, { user, body, signal, timeoutMs: quickMs });
    },

    async receipt(user, room, event, thread, signal) {
      const body = { thread_id: thread ?? "main" };
      const callPath = client + path`/rooms/${room}/receipt/m.read/${event}`;
      await call("POST", callPath, { user, body, signal, timeoutMs: quickMs });
    },

    async redact(user, room, event, txnId, signal) {
      const callPath = client + path`/rooms/${room}/redact/${event}/${txnId}`;
      await call("PUT", callPath, { user, device: await deviceIds.of(user), body: {}, signal });
    },

    async download(user, { server, mediaId }, limit, signal) {
      const callPath = path`/_matrix/client/v1/media/download/${server}/${mediaId}`;
      try {
        return await fetchMatrix(config(), "GET", callPath, { user, signal }, limit);
      } catch (thrown) {
        if (!(thrown instanceof ClawError) || thrown.code !== "too_large") throw thrown;
        throw new ClawError("too_large", `an attachment has more than ${limit} bytes`, {
          say: "That file is too large.",
        });
      }
    },

    async upload(user, bytes, { name, type }, signal) {
      const upload = { bytes, type, filename: name };
      const answer = await call("POST", uploadPath, { user, upload, signal, timeoutMs: 60_000 });
      const uri = answer["content_uri"];
      // No status, so that it counts as what may pass: an answer that is not the homeserver's.
      if (typeof uri !== "string" || !parseMxc(uri)) throw new MatrixError(`POST ${uploadPath}`, {});
      return uri;
    },

    async ping(txnId, signal) {
      const callPath = path`/_matrix/client/v1/appservice/${serviceId}/ping`;
      await call("POST", callPath, { body: { transaction_id: txnId }, signal });
    },
  };
}

interface StateEvent {
  readonly type?: unknown;
  readonly state_key?: unknown;
  readonly content?: Readonly<Record<string, unknown>>;
}

/** Turns on encryption in a room that is being made. */
export const encryptionState = {
  type: "m.room.encryption",
  state_key: "",
  content: { algorithm: "m.megolm.v1.aes-sha2" },
} as const;

type Tail<T extends readonly unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

async function ignoring<T>(work: Promise<T>, ...errcodes: string[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    // A 404 without the errcode is a proxy's, not the homeserver's answer.
    if (hasErrcode(thrown, ...errcodes)) return undefined;
    throw thrown;
  }
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
