/** A person with an encrypting client, for tests: says, reads and verifies as a real one would. */
import {
  DeviceId,
  EventId,
  MegolmDecryptionError,
  DecryptionErrorCode,
  OtherUserIdentity,
  type OutgoingRequest,
  RequestType,
  RoomId,
  type RoomMessageRequest,
  UserId,
  VerificationMethod,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { EncryptedDevice, type Sharing, type Strategy } from "./encrypted-device.ts";
import { PersonVerification } from "./encrypted-verification.ts";
import type { StandInEvent, StandInHomeserver } from "./homeserver.ts";
import { until } from "./until.ts";

/** What may be chosen of a person. */
export interface PersonOptions {
  /** Whether the device is signed by the person's identity, made where there is none. Default true. */
  readonly crossSigned?: boolean;
  /** Default: "identity", of an unsigned device "all", as that cannot use the other. */
  readonly strategy?: Strategy;
  /** Messages after which the room key is a new one. */
  readonly rotateEvery?: number;
  /** Whether saying something waits for the gateway. Default true; false where none is connected. */
  readonly awaitPush?: boolean;
}

/** What may be chosen of one message. */
export interface SayOptions extends Omit<PersonOptions, "crossSigned"> {
  /** The thread's first event. */
  readonly thread?: string;
  readonly replyTo?: string;
  /** The event that this one replaces. */
  readonly edit?: string;
  /** Sends it under a new room key that nobody gets until `deliverKeys`. */
  readonly withholdKeys?: boolean;
}

/** An event's content as its sender wrote it. */
export interface Decrypted {
  readonly type: string;
  readonly content: Record<string, unknown>;
}

/** A decrypted event and where it stands. */
export interface Answer extends Decrypted {
  readonly event: StandInEvent;
}

/** Where and how a verification is done. */
export interface VerificationOptions {
  /** Whether its events are encrypted, as Element X does; Element Web sends them in the clear. Default: as the room. */
  readonly encrypted?: boolean;
  /** Whether this side sends the start. Default: the side that made the request. */
  readonly starts?: boolean;
  readonly timeoutMs?: number;
}

/** An event that has no key, or a wrong one. */
export class UndecryptableError extends Error {
  /** Such as MissingRoomKey. */
  readonly code: string;
  /** Why the sender gave no key: m.unverified …; undefined: it did not say. */
  readonly withheld: string | undefined;

  constructor(event: StandInEvent, who: string, thrown: unknown) {
    const known = thrown instanceof MegolmDecryptionError ? thrown : undefined;
    const code = known ? (DecryptionErrorCode[known.code] ?? "unknown") : "unknown";
    const withheld = known?.withheldCode;
    const why = known?.description ?? String(thrown);
    super(
      `${who} cannot decrypt ${event.event_id} of ${event.sender}: ${code}${withheld ? `, ${withheld}` : ""}: ${why}`,
    );
    this.name = "UndecryptableError";
    this.code = code;
    this.withheld = withheld;
  }
}

/** Starts one on a device of its own; close it before the homeserver. */
export async function startEncryptedPerson(
  homeserver: StandInHomeserver,
  user: string,
  options: PersonOptions = {},
): Promise<EncryptedPerson> {
  const device = await EncryptedDevice.login(homeserver, user);
  if (options.crossSigned ?? true) await device.bootstrap();
  else await device.refresh([user]);
  return new EncryptedPerson(homeserver, device, options);
}

/** The person; methods may be called at any time, the device does one thing after the other. */
export class EncryptedPerson {
  readonly user: string;
  readonly device: string;
  readonly #homeserver: StandInHomeserver;
  readonly #device: EncryptedDevice;
  readonly #options: PersonOptions;
  readonly #others: EncryptedPerson[] = [];
  readonly #read = new Map<string, Decrypted>();
  /** Events not looked at for verifications: those from an index on, and those that could not be decrypted then. */
  #from: number;
  #unread: StandInEvent[] = [];
  /** How verifications speak, by flow id. */
  readonly #encrypts = new Map<string, boolean>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(homeserver: StandInHomeserver, device: EncryptedDevice, options: PersonOptions) {
    this.user = device.user;
    this.device = device.id;
    this.#homeserver = homeserver;
    this.#device = device;
    this.#options = options;
    this.#from = homeserver.events.length;
  }

  /** Says something encrypted; resolves with the event id once the gateway has acknowledged it. */
  async say(room: string, said: string | Record<string, unknown>, options: SayOptions = {}): Promise<string> {
    const content = typeof said === "string" ? { msgtype: "m.text", body: said } : said;
    return this.sendEncrypted(room, "m.room.message", related(content, options), options);
  }

  /** Sends an event of any type encrypted. */
  async sendEncrypted(
    room: string,
    type: string,
    content: Record<string, unknown>,
    options: SayOptions = {},
  ): Promise<string> {
    const posted = await this.#alone(() => this.#device.post(room, type, content, this.#sharing(options)));
    if (options.awaitPush ?? this.#options.awaitPush ?? true) await posted.acknowledged;
    return posted.eventId;
  }

  /** Delivers the room keys that `withholdKeys` kept back. */
  deliverKeys(): Promise<void> {
    return this.#alone(() => this.#device.deliverKeys());
  }

  /** Takes to-device messages and the events of verifications, and sends what the machine answers to them. */
  sync(): Promise<void> {
    return this.#alone(async () => {
      await this.#device.pull();
      await this.#takeVerificationEvents();
      await this.#flush();
    });
  }

  /** Decrypts an event, pulling once where the key is missing; throws UndecryptableError. */
  async read(event: StandInEvent): Promise<Decrypted> {
    const known = this.#read.get(event.event_id) ?? (await this.#alone(() => this.#decrypt(event)));
    if (known) return known;
    await this.sync();
    return this.#alone(async () => {
      try {
        return await this.#device.decrypt(event);
      } catch (thrown) {
        throw new UndecryptableError(event, `${this.user} (${this.device})`, thrown);
      }
    });
  }

  /** What a sender said in a room encrypted, in order; without what cannot be decrypted. */
  async answers(room: string, sender: string): Promise<Answer[]> {
    await this.sync();
    const found: Answer[] = [];
    for (const event of this.#encryptedOf(room, sender)) {
      const decrypted = await this.#alone(() => this.#decrypt(event));
      if (decrypted) found.push({ event, ...decrypted });
    }
    return found;
  }

  /** The first such answer, there already or to come. The error says what there was instead. */
  async waitForAnswer(
    room: string,
    sender: string,
    predicate: (answer: Answer) => boolean,
    timeoutMs = 10_000,
  ): Promise<Answer> {
    let answers: Answer[] = [];
    const ask = async (): Promise<Answer | undefined> => {
      answers = await this.answers(room, sender);
      return answers.find(predicate);
    };
    const found = await until(ask, Boolean, timeoutMs).catch(() => undefined);
    if (found) return found;
    const unread = this.#encryptedOf(room, sender).filter(({ event_id }) => !this.#read.has(event_id));
    const why = await Promise.all(unread.map((event) => this.read(event).then(String, String)));
    const bodies = answers.map(({ content }) => content["body"]);
    throw new Error(
      `no such answer of ${sender} within ${timeoutMs} ms; there were ${JSON.stringify([...bodies, ...why])}`,
    );
  }

  /** Makes a new identity, as somebody who has lost everything else does; the device is signed by it. */
  resetIdentity(): Promise<void> {
    return this.#alone(() => this.#device.bootstrap());
  }

  /** The same person on one more device, not signed; closed with this one. */
  async addUnsignedDevice(options: Omit<PersonOptions, "crossSigned"> = {}): Promise<EncryptedPerson> {
    const other = await startEncryptedPerson(this.#homeserver, this.user, {
      ...(this.#options.awaitPush !== undefined && { awaitPush: this.#options.awaitPush }),
      ...options,
      crossSigned: false,
    });
    this.#others.push(other);
    return other;
  }

  /** Asks another user in a room to verify each other. */
  startVerification(user: string, room: string, options: VerificationOptions = {}): Promise<PersonVerification> {
    const encrypts = options.encrypted ?? this.#homeserver.encrypted(room);
    return this.#alone(async () => {
      await this.#device.refresh([user]);
      const identity = await this.#device.machine.getIdentity(new UserId(user));
      if (!(identity instanceof OtherUserIdentity)) throw new Error(`${user} has no identity to verify`);
      const methods = [VerificationMethod.SasV1];
      const content = JSON.parse(identity.verificationRequestContent(methods)) as Record<string, unknown>;
      const eventId = await this.#post(room, "m.room.message", content, encrypts);
      const request = identity.requestVerification(new RoomId(room), new EventId(eventId), methods);
      this.#encrypts.set(eventId, encrypts);
      return new PersonVerification(request, this.#verification(options.starts ?? true));
    });
  }

  /** Accepts another user's request, there already or to come. */
  async acceptVerification(user: string, options: VerificationOptions = {}): Promise<PersonVerification> {
    const ask = async () => {
      await this.sync();
      const requests = this.#device.machine.getVerificationRequests(new UserId(user));
      return requests.find((one) => !one.weStarted() && !one.isCancelled() && !one.isDone() && !one.isReady());
    };
    const request = await until(ask, Boolean, options.timeoutMs ?? 10_000);
    if (!request) throw new Error("unreachable");
    if (options.encrypted !== undefined) this.#encrypts.set(request.flowId, options.encrypted);
    await this.#alone(async () => {
      const ready = request.acceptWithMethods([VerificationMethod.SasV1]);
      if (ready) await this.#send(ready);
    });
    return new PersonVerification(request, this.#verification(options.starts ?? false));
  }

  /** Whether this person's own identity vouches for the user's. */
  isVerified(user: string): Promise<boolean> {
    return this.#alone(async () => {
      await this.#device.refresh([user]);
      return (await this.#device.machine.getIdentity(new UserId(user)))?.isVerified() ?? false;
    });
  }

  /** Whether a device of a user is signed by its owner's identity; false where it is not known. */
  isSigned(user: string, device: string): Promise<boolean> {
    return this.#alone(async () => {
      await this.#device.refresh([user]);
      const found = await this.#device.machine.getDevice(new UserId(user), new DeviceId(device));
      return found?.isCrossSignedByOwner() ?? false;
    });
  }

  /** Ends the machine, after what it is doing. */
  async close(): Promise<void> {
    for (const other of this.#others.splice(0)) await other.close();
    await this.#alone(async () => this.#device.machine.close());
  }

  #alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  #sharing(options: SayOptions): Sharing {
    return {
      strategy:
        options.strategy ?? this.#options.strategy ?? (this.#options.crossSigned === false ? "all" : "identity"),
      rotateEvery: options.rotateEvery ?? this.#options.rotateEvery,
      withholdKeys: options.withholdKeys ?? false,
    };
  }

  #encryptedOf(room: string, sender: string): StandInEvent[] {
    const { events } = this.#homeserver;
    return events.filter(
      (event) => event.room_id === room && event.sender === sender && event.type === "m.room.encrypted",
    );
  }

  async #decrypt(event: StandInEvent): Promise<Decrypted | undefined> {
    const known = this.#read.get(event.event_id);
    if (known) return known;
    const decrypted = await this.#device.decrypt(event).catch(() => undefined);
    if (decrypted) this.#read.set(event.event_id, decrypted);
    return decrypted;
  }

  #verification(starts: boolean) {
    return {
      sync: () => this.sync(),
      send: (request: OutgoingRequest) => this.#send(request),
      alone: <Value>(work: () => Promise<Value>) => this.#alone(work),
      starts,
    };
  }

  async #takeVerificationEvents(): Promise<void> {
    const { events } = this.#homeserver;
    const waiting = [...this.#unread.splice(0), ...events.slice(this.#from)];
    this.#from = events.length;
    for (const event of waiting) {
      if (event.sender === this.user || !this.#homeserver.members(event.room_id).includes(this.user)) continue;
      const encrypted = event.type === "m.room.encrypted";
      const inner = encrypted ? await this.#decrypt(event) : event;
      if (!inner) this.#unread.push(event);
      if (!inner || !isVerification(inner)) continue;
      // A request is answered in the way it was made.
      if (inner.type === "m.room.message") this.#encrypts.set(event.event_id, encrypted);
      const clear = JSON.stringify({ ...event, type: inner.type, content: inner.content });
      await this.#device.machine.receiveVerificationEvent(clear, new RoomId(event.room_id));
    }
  }

  async #flush(): Promise<void> {
    for (const message of await this.#device.flushKeys()) await this.#send(message);
  }

  async #send(request: OutgoingRequest): Promise<void> {
    if (request.type !== RequestType.RoomMessage) return this.#device.send(request);
    const { id, room_id, event_type, body, type } = request as RoomMessageRequest;
    const content = JSON.parse(body) as Record<string, unknown>;
    const { event_id: flow } = (content["m.relates_to"] ?? {}) as { event_id?: string };
    const encrypts = this.#encrypts.get(flow ?? "") ?? this.#homeserver.encrypted(room_id);
    const eventId = await this.#post(room_id, event_type, content, encrypts);
    await this.#device.machine.markRequestAsSent(id, type, JSON.stringify({ event_id: eventId }));
  }

  async #post(room: string, type: string, content: Record<string, unknown>, encrypts: boolean): Promise<string> {
    if (!encrypts) return this.#homeserver.post(room, this.user, type, content).eventId;
    return (await this.#device.post(room, type, content, this.#sharing({}))).eventId;
  }
}

const isVerification = ({ type, content }: Decrypted): boolean =>
  type.startsWith("m.key.verification.") || content["msgtype"] === "m.key.verification.request";

/** The content with its place in the conversation, as clients write it. */
function related(content: Record<string, unknown>, { thread, replyTo, edit }: SayOptions): Record<string, unknown> {
  if (edit !== undefined) {
    const body = typeof content["body"] === "string" ? { body: `* ${content["body"]}` } : {};
    const relation = { rel_type: "m.replace", event_id: edit };
    return { ...content, ...body, "m.new_content": content, "m.relates_to": relation };
  }
  const reply = { "m.in_reply_to": { event_id: replyTo ?? thread } };
  if (thread !== undefined) {
    const relation = { rel_type: "m.thread", event_id: thread, is_falling_back: replyTo === undefined, ...reply };
    return { ...content, "m.relates_to": relation };
  }
  return replyTo === undefined ? content : { ...content, "m.relates_to": reply };
}
