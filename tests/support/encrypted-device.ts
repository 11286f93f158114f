/** A person's device: a real crypto machine in memory that talks to the stand-in over HTTP. Its calls must not overlap. */
import {
  CollectStrategy,
  DecryptionSettings,
  DeviceId,
  DeviceLists,
  EncryptionSettings,
  initAsync,
  type KeysUploadRequest,
  OlmMachine,
  type OutgoingRequest,
  RequestType,
  RoomId,
  type RoomMessageRequest,
  type ToDeviceRequest,
  TrustRequirement,
  UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { StandInEvent, StandInHomeserver } from "./homeserver.ts";

/** Which devices get room keys: those their owners have signed, or all. */
export type Strategy = "identity" | "all";

/** How one message's key is shared. */
export interface Sharing {
  readonly strategy: Strategy;
  /** Messages after which the room key is a new one; undefined: the machine's 100. */
  readonly rotateEvery: number | undefined;
  /** Keeps the key messages of a new room key back, for `deliverKeys`. */
  readonly withholdKeys: boolean;
}

interface SyncAnswer {
  readonly next_batch: string;
  readonly to_device?: { readonly events: readonly { readonly type: string }[] };
  readonly device_lists?: { readonly changed?: readonly string[]; readonly left?: readonly string[] };
  readonly device_one_time_keys_count: Readonly<Record<string, number>>;
  readonly device_unused_fallback_key_types: readonly string[];
}

const client = "/_matrix/client/v3";
const keysPaths: Partial<Record<RequestType, string>> = {
  [RequestType.KeysUpload]: `${client}/keys/upload`,
  [RequestType.KeysQuery]: `${client}/keys/query`,
  [RequestType.KeysClaim]: `${client}/keys/claim`,
  [RequestType.SignatureUpload]: `${client}/keys/signatures/upload`,
};

/** The machine and its account at the stand-in. */
export class EncryptedDevice {
  readonly user: string;
  readonly id: string;
  readonly machine: OlmMachine;
  readonly #homeserver: StandInHomeserver;
  readonly #token: string;
  #since: string | undefined;
  readonly #withheld: ToDeviceRequest[] = [];

  private constructor(homeserver: StandInHomeserver, user: string, id: string, token: string, machine: OlmMachine) {
    this.#homeserver = homeserver;
    this.user = user;
    this.id = id;
    this.#token = token;
    this.machine = machine;
  }

  static async login(homeserver: StandInHomeserver, user: string): Promise<EncryptedDevice> {
    await initAsync();
    const { accessToken, deviceId } = homeserver.login(user);
    const machine = await OlmMachine.initialize(new UserId(user), new DeviceId(deviceId));
    const device = new EncryptedDevice(homeserver, user, deviceId, accessToken, machine);
    await device.flushKeys();
    return device;
  }

  /** Makes new cross-signing keys and signs this device with them. */
  async bootstrap(): Promise<void> {
    const requests = await this.machine.bootstrapCrossSigning(true);
    const upload = requests.uploadKeysRequest as KeysUploadRequest | undefined;
    if (upload) await this.send(upload);
    await this.#call("POST", `${client}/keys/device_signing/upload`, requests.uploadSigningKeysRequest.body);
    await this.send(requests.uploadSignaturesRequest);
    await this.refresh([this.user]);
  }

  /** Asks for these users' devices and identities anew. */
  async refresh(users: readonly string[]): Promise<void> {
    await this.machine.updateTrackedUsers(userIds(users));
    await this.send(this.machine.queryKeysForUsers(userIds(users)));
    await this.flushKeys();
  }

  /** Takes everything that waits for this device at the server. */
  async pull(): Promise<void> {
    const filter = { room: { rooms: [] }, presence: { types: [] }, account_data: { types: [] } };
    for (;;) {
      const query = new URLSearchParams({ timeout: "0", filter: JSON.stringify(filter) });
      if (this.#since !== undefined) query.set("since", this.#since);
      const answer = JSON.parse(await this.#call("GET", `${client}/sync?${query.toString()}`)) as SyncAnswer;
      const events = answer.to_device?.events ?? [];
      const lists = new DeviceLists(
        userIds(answer.device_lists?.changed ?? []),
        userIds(answer.device_lists?.left ?? []),
      );
      const counts = new Map(Object.entries(answer.device_one_time_keys_count));
      const fallbacks = new Set(answer.device_unused_fallback_key_types);
      await this.machine.receiveSyncChanges(JSON.stringify(events), lists, counts, fallbacks, settings());
      this.#since = answer.next_batch;
      await this.flushKeys();
      if (events.length < 100) return;
    }
  }

  /** Encrypts and posts an event; its key is shared with all joined members before. */
  async post(
    room: string,
    type: string,
    content: Record<string, unknown>,
    sharing: Sharing,
  ): Promise<ReturnType<StandInHomeserver["post"]>> {
    await this.pull();
    const members = this.#homeserver.members(room);
    await this.machine.updateTrackedUsers(userIds(members));
    await this.flushKeys();
    const claim = await this.machine.getMissingSessions(userIds(members));
    if (claim) await this.send(claim);
    if (sharing.withholdKeys) await this.machine.invalidateGroupSession(new RoomId(room));
    for (const request of await this.machine.shareRoomKey(new RoomId(room), userIds(members), encryption(sharing))) {
      if (!sharing.withholdKeys) {
        await this.send(request);
        continue;
      }
      this.#withheld.push(request);
      await this.machine.markRequestAsSent(request.id, request.type, "{}");
    }
    const encrypted = await this.machine.encryptRoomEvent(new RoomId(room), type, JSON.stringify(content));
    const body = JSON.parse(encrypted) as Record<string, unknown>;
    return this.#homeserver.post(room, this.user, "m.room.encrypted", body);
  }

  /** Delivers the key messages that were kept back. */
  async deliverKeys(): Promise<void> {
    for (const request of this.#withheld.splice(0)) await this.#sendToDevice(request);
  }

  async decrypt(event: StandInEvent): Promise<{ type: string; content: Record<string, unknown> }> {
    const decrypted = await this.machine.decryptRoomEvent(JSON.stringify(event), new RoomId(event.room_id), settings());
    const { type, content } = JSON.parse(decrypted.event) as { type: string; content: Record<string, unknown> };
    return { type, content };
  }

  /** Sends what the machine has to say about keys; messages to rooms are returned. */
  async flushKeys(): Promise<RoomMessageRequest[]> {
    for (;;) {
      const requests = await this.machine.outgoingRequests();
      const messages = requests.filter((request) => request.type === RequestType.RoomMessage);
      if (requests.length === messages.length) return messages as RoomMessageRequest[];
      for (const request of requests) if (request.type !== RequestType.RoomMessage) await this.send(request);
    }
  }

  async send(request: OutgoingRequest): Promise<void> {
    const path = keysPaths[request.type];
    const answer =
      path === undefined
        ? await this.#sendToDevice(request as ToDeviceRequest)
        : await this.#call("POST", path, request.body);
    if (request.id !== undefined) await this.machine.markRequestAsSent(request.id, request.type, answer);
  }

  #sendToDevice({ event_type, txn_id, body }: ToDeviceRequest): Promise<string> {
    return this.#call("PUT", `${client}/sendToDevice/${event_type}/${txn_id}`, body);
  }

  async #call(method: string, path: string, body?: string): Promise<string> {
    const answer = await fetch(this.#homeserver.url + path, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body !== undefined && { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} of ${this.user}: ${answer.status} ${text}`);
    return text;
  }
}

/** Made anew for every list, as the machine takes them away. */
const userIds = (users: readonly string[]): UserId[] =>
  users.filter((user) => !user.includes("_with_underscore")).map((user) => new UserId(user));

const settings = (): DecryptionSettings => new DecryptionSettings(TrustRequirement.Untrusted);

function encryption({ strategy, rotateEvery }: Sharing): EncryptionSettings {
  const made = new EncryptionSettings();
  made.sharingStrategy =
    strategy === "identity" ? CollectStrategy.identityBasedStrategy() : CollectStrategy.allDevices();
  if (rotateEvery !== undefined) made.rotationPeriodMessages = BigInt(rotateEvery);
  return made;
}
