/** All verifications of a person's device: their events in rooms, each way, encrypted or in the clear. */
import {
  EventId,
  OtherUserIdentity,
  type OutgoingRequest,
  RequestType,
  RoomId,
  type RoomMessageRequest,
  UserId,
  VerificationMethod,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { EncryptedDevice, Sharing } from "./encrypted-device.ts";
import type { Decrypted } from "./encrypted-message.ts";
import { PersonVerification, type VerificationDeps } from "./encrypted-verification.ts";
import type { StandInEvent, StandInHomeserver } from "./homeserver.ts";

/** Where and how a verification is done. */
export interface VerificationOptions {
  /** Whether its events are encrypted, as Element X does; Element Web sends them in the clear. Default: as the room. */
  readonly encrypted?: boolean;
  /** Whether this side sends the start. Default: the side that made the request. */
  readonly starts?: boolean;
  readonly timeoutMs?: number;
}

/** What they need of the person. */
export interface RoomVerificationDeps extends Pick<VerificationDeps, "sync" | "alone"> {
  readonly sharing: Sharing;
  readonly decrypt: (event: StandInEvent) => Promise<Decrypted | undefined>;
}

/** Its methods must run alone with the machine. */
export class RoomVerifications {
  readonly #homeserver: StandInHomeserver;
  readonly #device: EncryptedDevice;
  readonly #deps: RoomVerificationDeps;
  /** Events before it were looked at, but for those that could not be decrypted then. */
  #from: number;
  #unread: StandInEvent[] = [];
  /** How each speaks, by flow id. */
  readonly #encrypts = new Map<string, boolean>();

  constructor(homeserver: StandInHomeserver, device: EncryptedDevice, deps: RoomVerificationDeps) {
    this.#homeserver = homeserver;
    this.#device = device;
    this.#deps = deps;
    this.#from = homeserver.events.length;
  }

  async start(user: string, room: string, options: VerificationOptions): Promise<PersonVerification> {
    // Only a sync makes the machine forget a verification that is done; a second one beside it is cancelled.
    await this.#device.pull();
    await this.#device.refresh([user]);
    const identity = await this.#device.machine.getIdentity(new UserId(user));
    if (!(identity instanceof OtherUserIdentity)) throw new Error(`${user} has no identity to verify`);
    const methods = [VerificationMethod.SasV1];
    const content = JSON.parse(identity.verificationRequestContent(methods)) as Record<string, unknown>;
    const encrypts = options.encrypted ?? this.#homeserver.encrypted(room);
    const eventId = await this.#post(room, "m.room.message", content, encrypts);
    this.#encrypts.set(eventId, encrypts);
    const request = identity.requestVerification(new RoomId(room), new EventId(eventId), methods);
    return new PersonVerification(request, this.#depsOf(options.starts ?? true));
  }

  /** Accepts a user's request; undefined: there is none. */
  async accept(user: string, options: VerificationOptions): Promise<PersonVerification | undefined> {
    const requests = this.#device.machine.getVerificationRequests(new UserId(user));
    const request = requests.find((one) => !one.weStarted() && !one.isCancelled() && !one.isDone() && !one.isReady());
    if (!request) return undefined;
    if (options.encrypted !== undefined) this.#encrypts.set(request.flowId, options.encrypted);
    const ready = request.acceptWithMethods([VerificationMethod.SasV1]);
    if (ready) await this.#send(ready);
    return new PersonVerification(request, this.#depsOf(options.starts ?? false));
  }

  /** Gives the machine what others have sent since the last time, and sends what it answers. */
  async take(): Promise<void> {
    const { events } = this.#homeserver;
    const waiting = [...this.#unread.splice(0), ...events.slice(this.#from)];
    this.#from = events.length;
    for (const event of waiting) {
      if (event.sender === this.#device.user) continue;
      if (!this.#homeserver.members(event.room_id).includes(this.#device.user)) continue;
      const encrypted = event.type === "m.room.encrypted";
      const inner = encrypted ? await this.#deps.decrypt(event) : event;
      if (!inner) this.#unread.push(event);
      if (!inner || !isVerification(inner)) continue;
      // A request is answered in the way it was made.
      if (inner.type === "m.room.message") this.#encrypts.set(event.event_id, encrypted);
      const clear = JSON.stringify({ ...event, type: inner.type, content: inner.content });
      await this.#device.machine.receiveVerificationEvent(clear, new RoomId(event.room_id));
    }
    for (const message of await this.#device.flushKeys()) await this.#send(message);
  }

  #depsOf(starts: boolean): VerificationDeps {
    const { sync, alone } = this.#deps;
    return { sync, alone, starts, send: (request) => this.#send(request) };
  }

  async #send(request: OutgoingRequest): Promise<void> {
    if (request.type !== RequestType.RoomMessage) return this.#device.send(request);
    const { id, room_id, event_type, body, type } = request as RoomMessageRequest;
    const content = JSON.parse(body) as Record<string, unknown>;
    const { event_id: flow = "" } = (content["m.relates_to"] ?? {}) as { event_id?: string };
    const encrypts = this.#encrypts.get(flow) ?? this.#homeserver.encrypted(room_id);
    const eventId = await this.#post(room_id, event_type, content, encrypts);
    await this.#device.machine.markRequestAsSent(id, type, JSON.stringify({ event_id: eventId }));
  }

  async #post(room: string, type: string, content: Record<string, unknown>, encrypts: boolean): Promise<string> {
    if (!encrypts) return this.#homeserver.post(room, this.#device.user, type, content).eventId;
    return (await this.#device.post(room, type, content, this.#deps.sharing)).eventId;
  }
}

const isVerification = ({ type, content }: Decrypted): boolean =>
  type.startsWith("m.key.verification.") || content["msgtype"] === "m.key.verification.request";
