/** A person with an encrypting client, for tests: says, reads and verifies as a real one would. */
import { DeviceId, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { EncryptedDevice, type Sharing } from "./encrypted-device.ts";
import {
  type Answer,
  type Decrypted,
  type PersonOptions,
  related,
  type SayOptions,
  UndecryptableError,
} from "./encrypted-message.ts";
import type { PersonVerification } from "./encrypted-verification.ts";
import { RoomVerifications, type VerificationOptions } from "./encrypted-room-verifications.ts";
import type { StandInEvent, StandInHomeserver } from "./homeserver.ts";
import { patienceMs, until } from "./until.ts";

export {
  type Answer,
  type Decrypted,
  type PersonOptions,
  type SayOptions,
  UndecryptableError,
} from "./encrypted-message.ts";
export type { PersonVerification } from "./encrypted-verification.ts";
export type { VerificationOptions } from "./encrypted-room-verifications.ts";

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
  readonly #verifications: RoomVerifications;
  #last: Promise<unknown> = Promise.resolve();

  constructor(homeserver: StandInHomeserver, device: EncryptedDevice, options: PersonOptions) {
    this.user = device.user;
    this.device = device.id;
    this.#homeserver = homeserver;
    this.#device = device;
    this.#options = options;
    this.#verifications = new RoomVerifications(homeserver, device, {
      sharing: this.#sharing({}),
      sync: () => this.sync(),
      alone: (work) => this.#alone(work),
      decrypt: (event) => this.#decrypt(event),
    });
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
      await this.#verifications.take();
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
    timeoutMs = patienceMs,
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
  /** As a client does that asks whether to go on with those it had verified, and is told to. */
  resetIdentity(): Promise<void> {
    return this.#alone(async () => {
      await this.#device.bootstrap();
      const { machine } = this.#device;
      for (const user of await machine.trackedUsers()) {
        const identity = await machine.getIdentity(user);
        if (identity?.hasVerificationViolation()) await identity.withdrawVerification();
      }
    });
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
    return this.#alone(() => this.#verifications.start(user, room, options));
  }

  /** Accepts another user's request, there already or to come. */
  async acceptVerification(user: string, options: VerificationOptions = {}): Promise<PersonVerification> {
    const ask = async (): Promise<PersonVerification | undefined> => {
      await this.sync();
      return this.#alone(() => this.#verifications.accept(user, options));
    };
    const accepted = await until(ask, Boolean, options.timeoutMs).catch(() => undefined);
    if (!accepted) throw new Error(`no verification request of ${user} came to ${this.user}`);
    return accepted;
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
}
