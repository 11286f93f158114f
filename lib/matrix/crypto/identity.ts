/**
 * The agent's cross-signing identity: made once, signed by it the one device, backed up sealed with OPENCLAW_KEY in
 * Postgres and, for when that is lost, in the agent's account data on the homeserver. A reset would warn every contact.
 */
import { ClawError } from "../../errors.ts";
import type { CryptoMember } from "./member.ts";
import { callAsDevice, flushRequests, sendKeyRequest } from "./requests.ts";
import { type OwnKeys, queryOwnKeys } from "./own-keys.ts";

const client = "/_matrix/client/v3";
const backupType = "dev.openclaw.identity";

/** The private keys, unpadded base64. */
interface Identity {
  readonly master: string;
  readonly selfSigning: string;
  readonly userSigning: string;
}

/** Uploads the device's keys and makes sure that it is signed by the identity everybody sees. Safe to repeat. */
export async function ensureIdentity(member: CryptoMember): Promise<void> {
  await flushRequests(member);
  const { machine, troubles } = member;
  const known = await ownKeys(member);
  await ensureDeviceKeys(member, known);
  const shown = await shownBefore(member);
  // Not replaced in turn: the operator is to know, and contacts have been warned once already.
  if (known.masterKey !== undefined && shown !== undefined && known.masterKey !== shown)
    return troubles.set(
      "identity",
      `the identity on the homeserver is another one: somebody has reset it. \`claw matrix reset ${member.agent} --identity\` makes a new one`,
    );
  const status = await machine.unit((olm) => olm.crossSigningStatus());
  const whole = status.hasMaster && status.hasSelfSigning && status.hasUserSigning;
  if (!whole) await obtain(member, known);
  await publish(member, known);
  const after = await ownKeys(member);
  const ours = await ownMasterKey(member);
  const { deviceId } = machine;
  troubles.set(
    "identity",
    after.masterKey === ours && after.signedDevices.has(deviceId)
      ? undefined
      : `its device ${deviceId} is not signed by its identity on the homeserver`,
  );
  const ed25519 = await machine.unit(async (olm) => olm.identityKeys.ed25519.toBase64());
  await member.sql`
    update matrix_devices set ed25519 = ${ed25519}, master_key = ${ours ?? null}
    where user_id = ${member.user} and epoch = ${member.epoch}`;
}

const ownKeys = ({ config, user, signal }: CryptoMember): Promise<OwnKeys> => queryOwnKeys(config(), user, signal);

/** The public master key of the agent's own identity, as its machine knows it. */
const ownMasterKey = async (member: CryptoMember): Promise<string | undefined> =>
  member.machine.unit(async (olm) => {
    const identity = await olm.getIdentity(new member.machine.wasm.UserId(member.user));
    return identity && publicKeyIn(identity.masterKey);
  });

/** The one key in a cross-signing key object, given as JSON. */
export function publicKeyIn(json: string): string | undefined {
  const { keys } = JSON.parse(json) as { keys?: Record<string, string> };
  return Object.values(keys ?? {})[0];
}

/** From the backup where there is one that fits what others see, else a new one. */
async function obtain(member: CryptoMember, known: OwnKeys): Promise<void> {
  const { machine, log, user } = member;
  const backup = await loadBackup(member);
  if (backup && known.masterKey !== undefined) {
    const status = await machine.unit((olm) =>
      olm.importCrossSigningKeys(backup.master, backup.selfSigning, backup.userSigning),
    );
    if (status.hasMaster && status.hasSelfSigning && status.hasUserSigning) {
      log.info({ user }, "matrix: the agent's identity was restored from its backup");
      return;
    }
  }
  if (known.masterKey !== undefined)
    log.error({ user }, "matrix: the agent's identity is lost and a new one is made: its contacts are warned");
  // The private keys and their backup are committed before anybody sees the public ones.
  await machine.unit(
    async (olm) => {
      await olm.bootstrapCrossSigning(true);
      return olm.exportCrossSigningKeys();
    },
    async (tx, exported) => {
      const { masterKey: master, self_signing_key: selfSigning, userSigningKey: userSigning } = exported ?? {};
      const sealed = member.keyring.matrixIdentities.sealJson({ master, selfSigning, userSigning }, user);
      await tx`update matrix_devices set identity = ${sealed} where user_id = ${user} and epoch = ${member.epoch}`;
    },
  );
}

/** Uploads the public keys where the homeserver has none, or lost them, and the device's signature. */
async function publish(member: CryptoMember, known: OwnKeys): Promise<void> {
  const { machine, user } = member;
  const ours = await ownMasterKey(member);
  if (known.masterKey === ours && known.signedDevices.has(machine.deviceId)) return saveBackup(member);
  const { uploadSigningKeysRequest, uploadSignaturesRequest } = await machine.unit((olm) =>
    olm.bootstrapCrossSigning(false),
  );
  // The service's token needs no further authentication, the first time and for a reset alike (measured).
  const keys = JSON.parse(uploadSigningKeysRequest.body) as object;
  if (known.masterKey !== ours) await callAsDevice(member, "POST", `${client}/keys/device_signing/upload`, keys);
  await sendKeyRequest(member, uploadSignaturesRequest);
  member.log.info({ user, device: machine.deviceId }, "matrix: the agent's device is cross-signed");
  await saveBackup(member);
}

/** The master key that others were shown, as far as this database knows. */
async function shownBefore({ sql, user }: CryptoMember): Promise<string | undefined> {
  const [row] = await sql<{ master_key: string | null }[]>`
    select master_key from matrix_devices where user_id = ${user}`;
  return row?.master_key ?? undefined;
}

/** Makes a device that was deleted on the homeserver again, with the keys it had. */
export async function restoreDevice(member: CryptoMember): Promise<void> {
  await member.client.ensureDevice(member.user, member.signal);
  await ensureIdentity(member);
}

/** A homeserver that has lost the device's keys (the device was deleted there) is given them again; none is lost here. */
async function ensureDeviceKeys(member: CryptoMember, known: OwnKeys): Promise<void> {
  const { machine, user } = member;
  const { wasm, deviceId } = machine;
  const ours = await machine.unit(async (olm) => olm.identityKeys.ed25519.toBase64());
  const theirs = known.devices.get(deviceId);
  if (theirs === ours) return;
  if (theirs !== undefined)
    throw new ClawError(
      "environment",
      `${user}: the homeserver has other keys for its device ${deviceId}: was an old database put back? \`claw matrix reset ${member.agent}\` makes a new device`,
    );
  const body = await machine.unit(async (olm) => {
    const device = await olm.getDevice(new wasm.UserId(user), new wasm.DeviceId(deviceId));
    if (!device) throw new ClawError("environment", `${user}: its crypto store does not know its own device`);
    return {
      device_keys: {
        user_id: user,
        device_id: deviceId,
        algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        keys: Object.fromEntries([...device.keys].map(([id, key]) => [id.toString(), key.toBase64()])),
        signatures: JSON.parse(device.signatures.asJSON()) as object,
      },
    };
  });
  await callAsDevice(member, "POST", `${client}/keys/upload`, body);
  member.log.warn(
    { user, device: deviceId },
    "matrix: the homeserver had lost the device's keys; they are there again",
  );
}

async function loadBackup(member: CryptoMember): Promise<Identity | undefined> {
  const { user } = member;
  const [row] = await member.sql<{ identity: Uint8Array | null }[]>`
    select identity from matrix_devices where user_id = ${user}`;
  // Empty: a new identity is wanted (`claw matrix reset --identity`).
  if (row?.identity?.length === 0) return undefined;
  const sealed = row?.identity ?? (await backupOnHomeserver(member));
  if (!sealed) return undefined;
  try {
    return member.keyring.matrixIdentities.openJson(sealed, user) as Identity;
  } catch (err) {
    // Made under another OPENCLAW_KEY: as good as none.
    member.log.error({ err, user }, "matrix: the backup of the agent's identity cannot be opened");
    return undefined;
  }
}

async function backupOnHomeserver({ client, user, signal }: CryptoMember): Promise<Uint8Array | undefined> {
  const sealed = (await client.accountData(user, backupType, signal))?.["sealed"];
  return typeof sealed === "string" ? Buffer.from(sealed, "base64") : undefined;
}

async function saveBackup(member: CryptoMember): Promise<void> {
  const { user, machine, keyring } = member;
  const exported = await machine.unit((olm) => olm.exportCrossSigningKeys());
  const { masterKey: master, self_signing_key: selfSigning, userSigningKey: userSigning } = exported ?? {};
  if (master === undefined) return;
  const sealed = keyring.matrixIdentities.sealJson({ master, selfSigning, userSigning }, user);
  await member.sql`
    update matrix_devices set identity = coalesce(identity, ${sealed})
    where user_id = ${user} and epoch = ${member.epoch}`;
  const there = await backupOnHomeserver(member);
  if (there && isSame(member, there, master)) return;
  const content = { sealed: Buffer.from(sealed).toString("base64") };
  await member.client.setAccountData(user, backupType, content, member.signal);
}

function isSame({ keyring, user }: CryptoMember, sealed: Uint8Array, master: string): boolean {
  try {
    return (keyring.matrixIdentities.openJson(sealed, user) as Partial<Identity>).master === master;
  } catch {
    return false;
  }
}
