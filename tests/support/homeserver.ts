/**
 * A stand-in homeserver: the client-server calls the gateway makes and the pushes it gets, as Synapse answers them, in
 * memory. Not a Matrix server: no federation, no power levels, a sync only of what encryption needs. tests/live has a real Synapse.
 */
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { serve, type ServerType } from "@hono/node-server";
import { createHomeserverApi } from "./homeserver-api.ts";
import {
  HomeserverState,
  type StandInCall,
  type StandInEvent,
  type StandInFault,
  type StandInMedia,
  stateKey,
} from "./homeserver-state.ts";
import type { ToDeviceEvent } from "./homeserver-stream.ts";
import { TransactionQueue } from "./transaction-queue.ts";
import { patienceMs } from "./until.ts";

export type { StandInCall, StandInEvent, StandInFault, StandInMedia } from "./homeserver-state.ts";

/** A running stand-in and what a test may do with it. */
export interface StandInHomeserver {
  readonly url: string;
  readonly serverName: string;
  /** What it takes from the gateway, and what it shows it: changed by a test as by a registration that was read anew. */
  asToken: string;
  hsToken: string;
  readonly calls: readonly StandInCall[];
  /** Every event of every room, in order. */
  readonly events: readonly StandInEvent[];
  /** How often a push was not answered with 200. */
  readonly failedPushes: number;
  /** Begins to push to the gateway's public listener; what was said before goes now. Undefined: it is down. */
  connect(gateway: string | undefined): void;
  /** Makes a room with joined members; agents among them are registered and have their device. Returns its id. */
  createRoom(options: { id?: string; members: readonly string[]; encrypted?: boolean }): string;
  /** Makes a user of the application service with its device, as a started gateway does. */
  addAgent(user: string): void;
  /** Somebody says something; resolves with the event id once the gateway has acknowledged it. */
  say(room: string, sender: string, content: string | Record<string, unknown>): Promise<string>;
  /** Somebody sends an event of any type. */
  post(room: string, sender: string, type: string, content: Record<string, unknown>): PostedEvent;
  /** A person logs in on a new device, to call the homeserver as a client does. */
  login(user: string, device?: string): { accessToken: string; deviceId: string };
  /** A device without keys. */
  addDevice(user: string, device: string): void;
  /** What waits for a device's sync; default: the device of agents. */
  toDevice(user: string, device?: string): readonly ToDeviceEvent[];
  /** Loses what waits for a device's sync, and says how many. */
  dropToDevice(user: string, device?: string): number;
  /** Somebody invites a user; resolves once the gateway has acknowledged it. */
  invite(room: string, user: string, by: string, options?: { isDirect?: boolean }): Promise<string>;
  /** Changes the room's state and pushes it. */
  setState(room: string, sender: string, type: string, key: string, content: Record<string, unknown>): Promise<string>;
  redact(room: string, sender: string, event: string): Promise<string>;
  /** Pushes these events as they are, in one transaction where they fit. */
  push(events: readonly object[]): Promise<void>;
  addMedia(bytes: Uint8Array, type: string): string;
  /** An uploaded file, by its mxc: URI. */
  media(uri: string): StandInMedia | undefined;
  /** Joined members. */
  members(room: string): string[];
  membership(room: string, user: string): string | undefined;
  /** Whether the room's state says so. */
  encrypted(room: string): boolean;
  /** What the gateway sent to a room: messages, edits and redactions as they are. */
  sent(room: string): StandInEvent[];
  /** The first event, there already or to come, for which it holds. Throws after `timeoutMs` (`patienceMs`). */
  waitFor(predicate: (event: StandInEvent) => boolean, timeoutMs?: number): Promise<StandInEvent>;
  fail(fault: StandInFault): void;
  clearFaults(): void;
  close(): Promise<void>;
}

/** An event that was recorded and is being pushed. */
export interface PostedEvent {
  readonly eventId: string;
  /** Once the gateway has acknowledged it; never while it is down. */
  readonly acknowledged: Promise<void>;
}

/** What may be chosen. */
export interface StandInOptions {
  readonly serverName?: string;
  readonly asToken?: string;
  readonly hsToken?: string;
  readonly namespace?: string;
  /** Wait before a push is repeated, doubled up to 16 times that. Default 20 ms. */
  readonly retryMs?: number;
  /** Whether what the gateway sends is pushed back to it, as Synapse does. Default true. */
  readonly echo?: boolean;
  /** Whether it has the experimental features on that push to-device messages and device lists. Default false. */
  readonly flags?: boolean;
}

/** Starts one on a free loopback port. */
export async function startHomeserver(options: StandInOptions = {}): Promise<StandInHomeserver> {
  const { serverName = "home.example", retryMs = 20, echo = true, flags = false } = options;
  let asToken = options.asToken ?? randomBytes(16).toString("hex");
  const state = new HomeserverState(serverName, options.namespace ?? "agent_");
  let gateway: string | undefined;
  let hsToken = options.hsToken ?? randomBytes(16).toString("hex");
  const queue = new TransactionQueue({ gateway: () => gateway, hsToken: () => hsToken, retryMs });

  const app = createHomeserverApi({
    state,
    asToken: () => asToken,
    echo: (event) => void (echo && queue.push([event])),
    ping: (transaction) => pingGateway(gateway, hsToken, transaction),
    toDevice(user, device, event) {
      if (!flags || !state.isAgent(user)) return;
      queue.hint({ toDevice: [{ ...event, to_user_id: user, to_device_id: device }] });
    },
  });
  if (flags) state.stream.onChanged((user) => queue.hint({ changed: [user] }));
  const server = await new Promise<ServerType>((resolve) => {
    const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(listening));
  });
  const push = async (event: StandInEvent): Promise<string> => {
    await queue.push([event]);
    return event.event_id;
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serverName,
    get asToken() {
      return asToken;
    },
    set asToken(token) {
      asToken = token;
    },
    get hsToken() {
      return hsToken;
    },
    set hsToken(token) {
      hsToken = token;
    },
    calls: state.calls,
    events: state.events,
    get failedPushes() {
      return queue.failures;
    },
    connect(to) {
      gateway = to;
      queue.wake();
    },
    createRoom({ id = `!${randomBytes(9).toString("hex")}:${serverName}`, members, encrypted = false }) {
      state.addRoom(id, members, encrypted);
      return id;
    },
    addAgent: (user) => state.addAgent(user),
    say: (room, sender, said) => {
      const content = typeof said === "string" ? { msgtype: "m.text", body: said } : said;
      return push(state.record({ room_id: room, sender, type: "m.room.message", content }));
    },
    post(room, sender, type, content) {
      const event = state.record({ room_id: room, sender, type, content });
      return { eventId: event.event_id, acknowledged: queue.push([event]) };
    },
    login(user, device = randomBytes(5).toString("hex").toUpperCase()) {
      const accessToken = randomBytes(16).toString("hex");
      state.users.add(user);
      state.addDevice(user, device);
      state.tokens.set(accessToken, { user, device });
      return { accessToken, deviceId: device };
    },
    addDevice: (user, device) => state.addDevice(user, device),
    toDevice: (user, device = "OPENCLAW") => state.stream.pending(user, device),
    dropToDevice: (user, device = "OPENCLAW") => state.stream.drop(user, device),
    invite: (room, user, by, { isDirect = false } = {}) =>
      push(state.setMembership(room, user, by, "invite", isDirect ? { is_direct: true } : {})),
    setState(room, sender, type, key, content) {
      return push(state.setState(room, sender, type, key, content));
    },
    redact: (room, sender, event) =>
      push(state.record({ room_id: room, sender, type: "m.room.redaction", redacts: event, content: {} })),
    push: (events) => queue.push([...events]),
    addMedia: (bytes, type) => state.addMedia(bytes, type),
    media: (uri) => state.media.get(uri.replace("mxc://", "")),
    members: (room) => state.joined(room),
    membership: (room, user) => state.membership(room, user),
    encrypted: (room) => state.rooms.get(room)?.state.has(stateKey("m.room.encryption", "")) ?? false,
    sent: (room) => state.events.filter((event) => event.txnId !== undefined && event.room_id === room),
    waitFor: (predicate, timeoutMs = patienceMs) => waitFor(state, predicate, timeoutMs),
    fail(fault) {
      state.faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    clearFaults() {
      state.faults.length = 0;
    },
    async close() {
      gateway = undefined;
      state.stream.close();
      await queue.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    },
  };
}

function waitFor(
  state: HomeserverState,
  predicate: (event: StandInEvent) => boolean,
  timeoutMs: number,
): Promise<StandInEvent> {
  const past = state.events.find(predicate);
  if (past) return Promise.resolve(past);
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      state.listeners.delete(listener);
    };
    const listener = (event: StandInEvent): void => {
      if (!predicate(event)) return;
      end();
      resolve(event);
    };
    const timer = setTimeout(() => {
      end();
      reject(
        new Error(
          `no such event within ${timeoutMs} ms; the last of ${state.events.length} were ${lastOf(state.events)}`,
        ),
      );
    }, timeoutMs);
    state.listeners.add(listener);
  });
}

const lastOf = (events: readonly StandInEvent[]): string =>
  JSON.stringify(events.slice(-10).map(({ type, sender, content }) => [type, sender, content["body"]]));

async function pingGateway(
  gateway: string | undefined,
  hsToken: string,
  transaction: string,
): Promise<{ status: 200 | 502; body: object }> {
  if (gateway === undefined) return { status: 502, body: { errcode: "M_CONNECTION_FAILED", error: "it is down" } };
  const answer = await fetch(`${gateway}/_matrix/app/v1/ping`, {
    method: "POST",
    headers: { authorization: `Bearer ${hsToken}`, "content-type": "application/json" },
    body: JSON.stringify({ transaction_id: transaction }),
  }).catch(() => undefined);
  await answer?.text();
  if (!answer) return { status: 502, body: { errcode: "M_CONNECTION_FAILED", error: "it cannot be reached" } };
  if (!answer.ok) return { status: 502, body: { errcode: "M_BAD_STATUS", status: answer.status, error: "not 200" } };
  return { status: 200, body: { duration_ms: 1 } };
}
