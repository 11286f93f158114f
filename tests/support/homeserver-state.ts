/** What the stand-in homeserver knows, in memory. */
import { randomBytes } from "node:crypto";
import { KeyDirectory } from "./homeserver-keys.ts";
import { SyncStream } from "./homeserver-stream.ts";

/** An event as it is pushed. */
export interface StandInEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly type: string;
  readonly origin_server_ts: number;
  readonly content: Record<string, unknown>;
  readonly state_key?: string;
  readonly redacts?: string;
  /** Of events the gateway sent. */
  readonly txnId?: string;
}

/** A call the gateway made. */
export interface StandInCall {
  readonly method: string;
  readonly path: string;
  readonly user: string;
  readonly device: string | undefined;
  /** The bearer token that was shown. */
  readonly token: string | undefined;
}

/** Answers matching calls in the server's stead. */
export interface StandInFault {
  readonly method?: string;
  readonly path: RegExp;
  /** How many calls; default: all until `clearFaults`. */
  readonly times?: number;
  /** `drop`: the call is done, its answer is lost. `cut`: the connection ends before anything is done. */
  readonly answer: { readonly status: number; readonly body: object } | "drop" | "cut";
}

/** A file that was uploaded. */
export interface StandInMedia {
  readonly bytes: Uint8Array;
  readonly type: string;
  readonly filename?: string;
}

interface Room {
  /** Membership by user. */
  readonly members: Map<string, string>;
  /** Content by type and key. */
  readonly state: Map<string, Record<string, unknown>>;
}

/** Users, rooms, media and everything that happened. */
export class HomeserverState {
  readonly serverName: string;
  readonly namespace: string;
  /** The application service's own user. */
  readonly sender: string;
  readonly users: Set<string>;
  /** Users' device ids. */
  readonly #devices = new Map<string, Set<string>>();
  /** Of people who have logged in. */
  readonly tokens = new Map<string, { readonly user: string; readonly device: string }>();
  readonly keys = new KeyDirectory();
  readonly stream = new SyncStream({ share: (one, other) => this.#share(one, other) });
  /** Content by user and type. */
  readonly accountData = new Map<string, Record<string, unknown>>();
  readonly rooms = new Map<string, Room>();
  readonly media = new Map<string, StandInMedia>();
  readonly profiles = new Map<string, Record<string, unknown>>();
  readonly calls: StandInCall[] = [];
  readonly events: StandInEvent[] = [];
  readonly listeners = new Set<(event: StandInEvent) => void>();
  readonly faults: { readonly fault: StandInFault; left: number }[] = [];
  #count = 0;

  constructor(serverName: string, namespace: string) {
    this.serverName = serverName;
    this.namespace = namespace;
    this.sender = `@openclaw:${serverName}`;
    this.users = new Set([this.sender]);
  }

  isAgent(user: string): boolean {
    return user.startsWith(`@${this.namespace}`) && user.endsWith(`:${this.serverName}`);
  }

  addAgent(user: string): void {
    this.users.add(user);
    this.addDevice(user, "OPENCLAW");
  }

  addDevice(user: string, device: string, displayName?: string): void {
    this.#devices.set(user, (this.#devices.get(user) ?? new Set()).add(device));
    if (displayName !== undefined) this.keys.device(user, device).displayName = displayName;
  }

  devicesOf(user: string): string[] {
    return [...(this.#devices.get(user) ?? [])];
  }

  removeDevice(user: string, device: string): void {
    if (!this.#devices.get(user)?.delete(device)) return;
    this.keys.forget(user, device);
    this.stream.drop(user, device);
    this.stream.changed(user);
  }

  addRoom(id: string, members: readonly string[], encrypted: boolean): void {
    const state = new Map<string, Record<string, unknown>>();
    state.set(stateKey("m.room.history_visibility", ""), { history_visibility: "shared" });
    if (encrypted) state.set(stateKey("m.room.encryption", ""), { algorithm: "m.megolm.v1.aes-sha2" });
    this.rooms.set(id, { members: new Map(), state });
    for (const user of members) this.setMember(id, user, "join");
    for (const user of members) if (this.isAgent(user)) this.addAgent(user);
  }

  addMedia(bytes: Uint8Array, type: string, filename?: string): string {
    const id = randomBytes(12).toString("hex");
    this.media.set(`${this.serverName}/${id}`, { bytes, type, ...(filename !== undefined && { filename }) });
    return `mxc://${this.serverName}/${id}`;
  }

  /** Sets it without an event. */
  setMember(room: string, user: string, membership: string): void {
    const members = this.rooms.get(room)?.members;
    if (!members || members.get(user) === membership) return;
    const joined = this.joined(room).filter((other) => other !== user);
    const before = members.get(user);
    members.set(user, membership);
    if (membership !== "join" && before !== "join") return;
    for (const other of joined) if (membership === "join" || !this.#share(user, other)) this.stream.met(user, other);
  }

  membership(room: string, user: string): string | undefined {
    return this.rooms.get(room)?.members.get(user);
  }

  joined(room: string): string[] {
    const members = [...(this.rooms.get(room)?.members ?? [])];
    return members.filter(([, membership]) => membership === "join").map(([user]) => user);
  }

  /** The room's whole state, as events without their ids. */
  stateEvents(room: string): { type: string; state_key: string; content: Record<string, unknown> }[] {
    const { members = new Map<string, string>(), state = new Map<string, Record<string, unknown>>() } =
      this.rooms.get(room) ?? {};
    return [
      ...[...members].map(([state_key, membership]) => ({ type: "m.room.member", state_key, content: { membership } })),
      ...[...state].map(([key, content]) => {
        const [type = "", state_key = ""] = key.split(" ");
        return { type, state_key, content };
      }),
    ];
  }

  record(event: Omit<StandInEvent, "event_id" | "origin_server_ts">): StandInEvent {
    const id = `$${(this.#count += 1)}${randomBytes(8).toString("base64url")}`;
    const full = { event_id: id, origin_server_ts: Date.now(), ...event };
    this.events.push(full);
    for (const listener of this.listeners) listener(full);
    return full;
  }

  setMembership(room: string, user: string, by: string, membership: string, more: object = {}): StandInEvent {
    this.setMember(room, user, membership);
    const content = { membership, ...more };
    return this.record({ room_id: room, sender: by, type: "m.room.member", state_key: user, content });
  }

  setState(room: string, sender: string, type: string, key: string, content: Record<string, unknown>): StandInEvent {
    if (type === "m.room.member") this.setMember(room, key, String(content["membership"]));
    else this.rooms.get(room)?.state.set(stateKey(type, key), content);
    return this.record({ room_id: room, sender, type, state_key: key, content });
  }

  #share(one: string, other: string): boolean {
    return [...this.rooms.values()].some(({ members }) => members.get(one) === "join" && members.get(other) === "join");
  }

  /** The fault that answers a call, used up by one. */
  takeFault(method: string, path: string): StandInFault | undefined {
    const at = this.faults.findIndex(({ fault }) => (fault.method ?? method) === method && fault.path.test(path));
    const found = this.faults[at];
    if (found && (found.left -= 1) <= 0) this.faults.splice(at, 1);
    return found?.fault;
  }
}

/** A state event's place in its room. */
export const stateKey = (type: string, key: string): string => `${type} ${key}`;
