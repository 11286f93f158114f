/** What the homeserver shows others of an agent. */
import type { Config } from "../../config/config.ts";
import { callMatrix } from "../call.ts";

/** Public keys of one of our users, unpadded base64. */
export interface OwnKeys {
  readonly masterKey: string | undefined;
  /** Ed25519 key by device id. */
  readonly devices: ReadonlyMap<string, string>;
  /** Devices that carry a signature of the self-signing key; the machine checks what it is worth. */
  readonly signedDevices: ReadonlySet<string>;
}

interface KeysAnswer {
  readonly device_keys?: Record<string, Record<string, SignedKeys>>;
  readonly master_keys?: Record<string, SignedKeys>;
  readonly self_signing_keys?: Record<string, SignedKeys>;
}

interface SignedKeys {
  readonly keys?: Record<string, string>;
  readonly signatures?: Record<string, Record<string, string>>;
}

/** Asks the homeserver anew. */
export async function queryOwnKeys(config: Config, user: string, signal?: AbortSignal): Promise<OwnKeys> {
  const body = { device_keys: { [user]: [] } };
  const answer = (await callMatrix(config, "POST", "/_matrix/client/v3/keys/query", {
    user,
    body,
    signal,
  })) as KeysAnswer;
  const devices = Object.entries(answer.device_keys?.[user] ?? {});
  const signer = Object.keys(answer.self_signing_keys?.[user]?.keys ?? {})[0];
  return {
    masterKey: Object.values(answer.master_keys?.[user]?.keys ?? {})[0],
    devices: new Map(devices.map(([id, { keys }]) => [id, keys?.[`ed25519:${id}`] ?? ""])),
    signedDevices: new Set(
      devices.flatMap(([id, { signatures }]) =>
        signer !== undefined && signatures?.[user]?.[signer] !== undefined ? [id] : [],
      ),
    ),
  };
}
