/** Crypto machines that reach each other without a homeserver: their requests are answered from a directory in memory. */
import type { OlmMachine, OutgoingRequest } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { AgentMachine } from "../../lib/matrix/crypto/machine.ts";
import { loadWasm, type Wasm } from "../../lib/matrix/crypto/wasm.ts";
import { KeyDirectory, type Signed } from "./homeserver-keys.ts";

/** What one message puts on its way. */
export interface Sent {
  /** The receiver's to-device messages: the room's key, where it is a new one. */
  readonly toDevice: readonly object[];
  readonly event: { readonly event_id: string; readonly room_id: string } & Readonly<Record<string, unknown>>;
}

/** Runs work with a machine. */
type Unit = AgentMachine["unit"];

/** Directory and people of one test. */
export class OlmPeers {
  readonly wasm: typeof Wasm;
  readonly #directory = new KeyDirectory();
  #count = 0;

  private constructor(wasm: typeof Wasm) {
    this.wasm = wasm;
  }

  static async create(): Promise<OlmPeers> {
    return new OlmPeers(await loadWasm());
  }

  /** Sends what the machine wants sent, and gives it the answers. */
  async flush(user: string, device: string, unit: Unit): Promise<void> {
    for (;;) {
      const requests = await unit((olm) => olm.outgoingRequests());
      if (requests.length === 0) return;
      for (const request of requests) await this.#send(user, device, request, unit);
    }
  }

  /** A person's device in memory, its keys uploaded. */
  async person(user: string): Promise<Person> {
    const { OlmMachine: Machine, UserId, DeviceId } = this.wasm;
    const machine = await Machine.initialize(new UserId(user), new DeviceId("PHONE"));
    const person = new Person(this, user, machine);
    await this.flush(user, "PHONE", person.unit);
    return person;
  }

  async send(user: string, device: string, request: OutgoingRequest, unit: Unit): Promise<void> {
    return this.#send(user, device, request, unit);
  }

  eventId(): string {
    return `$event${(this.#count += 1)}`;
  }

  async #send(user: string, device: string, request: OutgoingRequest, unit: Unit): Promise<void> {
    const answer = JSON.stringify(this.#answer(user, device, request.type, JSON.parse(request.body) as Signed));
    await unit((olm) => olm.markRequestAsSent(request.id ?? "", request.type, answer));
  }

  #answer(user: string, device: string, type: number, body: Signed): object {
    const { KeysUpload, KeysQuery, KeysClaim } = this.wasm.RequestType as unknown as Record<string, number>;
    const directory = this.#directory;
    const record = (key: string): Record<string, Signed> => (body[key] ?? {}) as Record<string, Signed>;
    switch (type) {
      case KeysUpload: {
        const known = directory.device(user, device);
        if (body["device_keys"]) known.keys = body["device_keys"] as Signed;
        for (const [id, key] of Object.entries(record("one_time_keys"))) known.oneTime.set(id, key);
        return { one_time_key_counts: directory.counts(user, device) };
      }
      case KeysQuery: {
        const asked = Object.keys(record("device_keys"));
        return { device_keys: Object.fromEntries(asked.map((each) => [each, directory.deviceKeys(each, user)])) };
      }
      case KeysClaim: {
        const claimed = Object.entries(record("one_time_keys")).map(([owner, devices]) => [
          owner,
          Object.fromEntries(
            Object.entries(devices).map(([id, algorithm]) => [id, directory.claim(owner, id, String(algorithm))]),
          ),
        ]);
        return { one_time_keys: Object.fromEntries(claimed) as object, failures: {} };
      }
      default:
        return {};
    }
  }
}

/** Somebody who says things to one receiver. */
export class Person {
  readonly user: string;
  readonly machine: OlmMachine;
  readonly #peers: OlmPeers;

  constructor(peers: OlmPeers, user: string, machine: OlmMachine) {
    this.user = user;
    this.machine = machine;
    this.#peers = peers;
  }

  readonly unit: Unit = (work) => work(this.machine);

  /** Encrypts for the receiver's devices; under a new room key where `fresh`. */
  async say(room: string, to: string, body: string, fresh = false): Promise<Sent> {
    const { RoomId, UserId, EncryptionSettings, CollectStrategy } = this.#peers.wasm;
    await this.machine.updateTrackedUsers([new UserId(to)]);
    await this.#peers.flush(this.user, "PHONE", this.unit);
    const claim = await this.machine.getMissingSessions([new UserId(to)]);
    if (claim) await this.#peers.send(this.user, "PHONE", claim, this.unit);
    if (fresh) await this.machine.invalidateGroupSession(new RoomId(room));
    const settings = new EncryptionSettings();
    settings.sharingStrategy = CollectStrategy.allDevices();
    const toDevice: object[] = [];
    for (const request of await this.machine.shareRoomKey(new RoomId(room), [new UserId(to)], settings)) {
      const { messages } = JSON.parse(request.body) as { messages: Record<string, Record<string, object>> };
      for (const content of Object.values(messages[to] ?? {}))
        toDevice.push({ type: request.event_type, sender: this.user, content });
      await this.machine.markRequestAsSent(request.id, request.type, "{}");
    }
    const content = JSON.stringify({ msgtype: "m.text", body });
    const encrypted = await this.machine.encryptRoomEvent(new RoomId(room), "m.room.message", content);
    return {
      toDevice,
      event: {
        event_id: this.#peers.eventId(),
        room_id: room,
        sender: this.user,
        type: "m.room.encrypted",
        origin_server_ts: Date.now(),
        content: JSON.parse(encrypted) as object,
      },
    };
  }
}
