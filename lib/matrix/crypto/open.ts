/** Makes an agent ready to read and answer encrypted messages, in this process. */
import type { Config } from "../../config/config.ts";
import type { Sql } from "../../db/client.ts";
import { renameDevice, setTrouble, takeDevice } from "../../ledger/matrix-devices.ts";
import type { Log } from "../../log.ts";
import type { Keyring } from "../../seal.ts";
import { firstDeviceId, type MatrixClient, newDeviceId } from "../client.ts";
import { FreshRooms } from "./fresh-rooms.ts";
import { ensureIdentity } from "./identity.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { AgentMachine } from "./machine.ts";
import type { CryptoMember } from "./member.ts";
import { queryOwnKeys } from "./own-keys.ts";
import { Troubles } from "./troubles.ts";

/** What opening needs. */
export interface OpenDeps {
  readonly config: () => Config;
  readonly sql: Sql;
  readonly keyring: Keyring;
  readonly client: MatrixClient;
  /** Forgets which device the user had. */
  readonly deviceIds: { forget(user: string): void };
  /** This process's name. */
  readonly worker: string;
  readonly log: Log;
}

/** Takes the agent over from its last holder and opens its machine. Call while holding its lock. */
export async function openMember(
  deps: OpenDeps,
  { agent, user, localpart }: { readonly agent: string; readonly user: string; readonly localpart: string },
  signal: AbortSignal,
): Promise<CryptoMember> {
  const { config, sql, keyring, client, log } = deps;
  await client.register(localpart, signal);
  const taken = await takeDevice(sql, user, deps.worker, firstDeviceId);
  const { epoch } = taken;
  const deviceId = taken.isNew ? await freshDevice(deps, user, taken.deviceId, epoch, signal) : taken.deviceId;
  deps.deviceIds.forget(user);
  await client.ensureDevice(user, signal);
  const machine = await AgentMachine.open({ sql, user, deviceId, epoch, storeKey: keyring.matrixStore(user) });
  const member: CryptoMember = {
    agent,
    user,
    machine,
    epoch,
    config,
    sql,
    keyring,
    client,
    log,
    signal,
    troubles: new Troubles((first) => {
      log[first === undefined ? "info" : "error"]({ user, trouble: first }, "matrix: an agent's encryption");
      setTrouble(sql, user, epoch, first).catch((err: unknown) => log.warn({ err, user }, "matrix: trouble not saved"));
    }),
    mutex: new KeyedMutex(),
    rooms: new FreshRooms(client, user),
    pulling: {
      since: taken.syncToken,
      oneTimeKeys: undefined,
      // The first one may take as long as any other.
      at: performance.now(),
      done: false,
      savedAt: 0,
      ownKeysChanged: false,
      // By an earlier holder, who may not have come to it.
      brought: true,
      underWay: undefined,
    },
  };
  try {
    await ensureIdentity(member);
    await removeOthers(deps, user, deviceId, signal);
    await setTrouble(sql, user, epoch, member.troubles.first);
    return member;
  } catch (thrown) {
    await machine.close();
    throw thrown;
  }
}

/**
 * A device whose keys are lost is no use to anybody: others refuse another key under the same id. So a new store gets a
 * device of its own where the homeserver has keys for the id already.
 */
async function freshDevice(
  { config, sql, log }: OpenDeps,
  user: string,
  deviceId: string,
  epoch: number,
  signal: AbortSignal,
): Promise<string> {
  const { devices } = await queryOwnKeys(config(), user, signal);
  if (!devices.has(deviceId)) return deviceId;
  const fresh = newDeviceId();
  await renameDevice(sql, user, epoch, fresh);
  log.warn(
    { user, lost: deviceId, device: fresh },
    "matrix: the keys of the agent's device are lost; it gets another one",
  );
  return fresh;
}

/** The agent has one device: what others encrypt for a lost one is lost, and its inbox grows without end. */
async function removeOthers({ client }: OpenDeps, user: string, own: string, signal: AbortSignal): Promise<void> {
  for (const device of await client.devices(user, signal))
    if (device !== own) await client.deleteDevice(user, device, signal);
}
