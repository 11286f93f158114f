/** A person with a real Matrix client that encrypts: matrix-js-sdk with its Rust crypto, in memory. */
import { EventType, type MatrixEvent, MatrixError, MsgType, Preset, Visibility } from "matrix-js-sdk";
import {
  type BootstrapCrossSigningOpts,
  type CryptoApi,
  OnlySignedDevicesIsolationMode,
} from "matrix-js-sdk/lib/crypto-api/index.js";
import { decryptAttachment, type EncryptedFile, encryptAttachment } from "./encrypted-attachment.ts";
import { type Person, startPerson } from "./person.ts";
import { poll } from "./poll.ts";
import { acceptToVerify, askToVerify, type Verification, type VerificationOptions } from "./sas.ts";
import { loginUser, type SynapseUser } from "./synapse-users.ts";

/** What a test does with a client that encrypts; every wait rejects after 30 s and says for what it waited. */
export interface EncryptedPerson extends Person {
  readonly user: SynapseUser;
  readonly crypto: CryptoApi;
  /** Makes an encrypted room and returns when this client knows that it is one. */
  createEncryptedRoom(options?: EncryptedRoomOptions): Promise<string>;
  /** Waits until an event can be read; rejects with the SDK's reason why it cannot. */
  decrypted(event: MatrixEvent): Promise<MatrixEvent>;
  /** Waits until an event has come that cannot be read, and gives the SDK's reason (`DecryptionFailureCode`). */
  undecryptable(room: string, eventId: string): Promise<string>;
  sendImage(room: string, bytes: Uint8Array, mime: string, name: string): Promise<string>;
  sendFile(room: string, bytes: Uint8Array, mime: string, name: string): Promise<string>;
  /** Downloads the attachment of a message, by its `content.file`, and decrypts it. */
  download(file: EncryptedFile): Promise<Buffer>;
  /** Gives the account new cross-signing keys, as somebody who has lost theirs does. */
  resetIdentity(): Promise<void>;
  /** Asks somebody to verify by emojis in a room with them. */
  askToVerify(room: string, userId: string, options?: VerificationOptions): Promise<Verification>;
  /** Accepts somebody's wish to verify, when it comes. */
  acceptToVerify(room: string, userId: string, options?: VerificationOptions): Promise<Verification>;
  /** Whether this person has verified that one. */
  isVerified(userId: string): Promise<boolean>;
  /** Waits until this person has verified that one: the SDK hears of its own signature from the homeserver. */
  untilVerified(userId: string): Promise<void>;
}

/** How the client treats devices. */
export interface EncryptedPersonOptions {
  /** Makes the account's cross-signing keys and signs this device; on unless false. */
  crossSigned?: boolean;
  /** Gives no keys to a device that its owner has not signed, and reads nothing from it. */
  signedDevicesOnly?: boolean;
}

/** What an encrypted room is made with. */
export interface EncryptedRoomOptions {
  invite?: string[];
  /** Messages after which a sender takes a new key. */
  rotationMessages?: number;
  isDirect?: boolean;
  name?: string;
}

/** Logs in on one more device of an account, which its owner has not signed. */
export async function login(
  url: string,
  { userId, password }: Pick<SynapseUser, "userId" | "password">,
  options: EncryptedPersonOptions = {},
): Promise<EncryptedPerson> {
  return startEncryptedPerson(url, await loginUser(url, userId, password), { crossSigned: false, ...options });
}

/** Logs in, uploads keys, signs the device and syncs. */
export async function startEncryptedPerson(
  url: string,
  user: SynapseUser,
  { crossSigned = true, signedDevicesOnly = false }: EncryptedPersonOptions = {},
): Promise<EncryptedPerson> {
  let crypto: CryptoApi | undefined;
  const newIdentity = (api: CryptoApi): Promise<void> =>
    api.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: passwordAuth(user) });
  const person = await startPerson(url, user, {
    async prepare(client) {
      await client.initRustCrypto({ useIndexedDB: false });
      crypto = client.getCrypto();
      if (!crypto) throw new Error("the SDK has no crypto");
      if (signedDevicesOnly) crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
      if (crossSigned) await newIdentity(crypto);
    },
  });
  if (!crypto) throw new Error("the SDK has no crypto");
  const api = crypto;
  const { client } = person;

  const untilEncrypted = async (room: string): Promise<void> => {
    await poll(`${room} to be encrypted`, async () => (await api.isEncryptionEnabledInRoom(room)) || undefined);
  };
  const isVerified = async (userId: string) => (await api.getUserVerificationStatus(userId)).isVerified();
  const attach = async (room: string, msgtype: MsgType, bytes: Uint8Array, mime: string, name: string) => {
    const { data, file } = encryptAttachment(bytes);
    const { content_uri: uri } = await client.uploadContent(new Blob([new Uint8Array(data)]), {
      type: "application/octet-stream",
      includeFilename: false,
    });
    const info = { mimetype: mime, size: bytes.byteLength };
    return person.send(room, { msgtype, body: name, filename: name, info, file: { ...file, url: uri } });
  };

  return {
    ...person,
    user,
    crypto: api,
    async createEncryptedRoom({ invite = [], rotationMessages, isDirect = false, name } = {}) {
      const content = {
        algorithm: "m.megolm.v1.aes-sha2",
        ...(rotationMessages === undefined ? {} : { rotation_period_msgs: rotationMessages }),
      };
      const { room_id: room } = await client.createRoom({
        preset: isDirect ? Preset.TrustedPrivateChat : Preset.PrivateChat,
        visibility: Visibility.Private,
        is_direct: isDirect,
        invite,
        initial_state: [{ type: EventType.RoomEncryption, state_key: "", content }],
        ...(name === undefined ? {} : { name }),
      });
      await untilEncrypted(room);
      return room;
    },
    async decrypted(event) {
      try {
        return await poll("decryption", () => (isReadable(event) ? event : undefined));
      } catch (cause) {
        throw new Error(`${event.getId()} is not decrypted: ${event.decryptionFailureReason}`, { cause });
      }
    },
    undecryptable: (room, eventId) =>
      poll(`${eventId} to come and not to be readable`, () => {
        const event = client.getRoom(room)?.findEventById(eventId);
        return event?.isDecryptionFailure() ? (event.decryptionFailureReason ?? undefined) : undefined;
      }),
    sendImage: (room, bytes, mime, name) => attach(room, MsgType.Image, bytes, mime, name),
    sendFile: (room, bytes, mime, name) => attach(room, MsgType.File, bytes, mime, name),
    async download(file) {
      const [, server, id] = /^mxc:\/\/([^/]+)\/([^/]+)$/.exec(file.url) ?? [];
      const response = await fetch(`${url}/_matrix/client/v1/media/download/${server}/${id}`, {
        headers: { authorization: `Bearer ${user.accessToken}` },
      });
      if (!response.ok) throw new Error(`downloading ${file.url}: ${response.status} ${await response.text()}`);
      return decryptAttachment(new Uint8Array(await response.arrayBuffer()), file);
    },
    resetIdentity: () => newIdentity(api),
    askToVerify: (room, userId, options) => askToVerify(api, room, userId, options),
    acceptToVerify: (room, userId, options) => acceptToVerify(api, room, userId, options),
    isVerified,
    async untilVerified(userId) {
      await poll(`${userId} to be verified`, async () => (await isVerified(userId)) || undefined);
    },
  };
}

function isReadable(event: MatrixEvent): boolean {
  return !event.isBeingDecrypted() && !event.isDecryptionFailure() && event.getType() !== "m.room.encrypted";
}

/** Asks without a password first: the first keys of an account need none, those that replace them do. */
function passwordAuth({
  userId,
  password,
}: SynapseUser): BootstrapCrossSigningOpts["authUploadDeviceSigningKeys"] & {} {
  return async (makeRequest) => {
    try {
      await makeRequest(null);
    } catch (error) {
      if (!(error instanceof MatrixError) || error.httpStatus !== 401) throw error;
      const { session } = error.data as { session?: string };
      const identifier = { type: "m.id.user", user: userId };
      await makeRequest({ type: "m.login.password", identifier, password, session: session ?? "" });
    }
  };
}
