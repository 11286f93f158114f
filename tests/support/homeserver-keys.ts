/** The keys of all devices and users, as a homeserver keeps them for others; nothing is verified. */
import { isDeepStrictEqual } from "node:util";

/** A signed object: a device's keys, a cross-signing key, a one-time key. */
export type Signed = Record<string, unknown>;

/** The three cross-signing keys, by their names in a request, without the "_key". */
export const crossSigningKeys = ["master", "self_signing", "user_signing"] as const;

type Signatures = Record<string, Record<string, string>>;

interface DeviceKeys {
  displayName: string | undefined;
  keys: Signed | undefined;
  /** By "algorithm:id", in the order of upload. */
  readonly oneTime: Map<string, unknown>;
  /** By algorithm. */
  readonly fallback: Map<string, { id: string; key: unknown; used: boolean }>;
}

/** Keys by user and device. */
export class KeyDirectory {
  readonly #devices = new Map<string, Map<string, DeviceKeys>>();
  readonly #crossSigning = new Map<string, Partial<Record<(typeof crossSigningKeys)[number], Signed>>>();
  /** Uploaded apart from the object they sign, so they outlive its upload anew. By owner and device or public key. */
  readonly #signatures = new Map<string, Signatures>();

  device(user: string, device: string): DeviceKeys {
    const devices = this.#devices.get(user) ?? new Map<string, DeviceKeys>();
    this.#devices.set(user, devices);
    const known = devices.get(device);
    if (known) return known;
    const fresh: DeviceKeys = { displayName: undefined, keys: undefined, oneTime: new Map(), fallback: new Map() };
    devices.set(device, fresh);
    return fresh;
  }

  forget(user: string, device: string): void {
    this.#devices.get(user)?.delete(device);
    this.#signatures.delete(`${user} ${device}`);
  }

  /** Devices that have uploaded keys, signatures of others only where `asker` made them. */
  deviceKeys(user: string, asker: string, wanted: readonly string[] = []): Record<string, Signed> {
    const devices = [...(this.#devices.get(user) ?? [])].filter(([id]) => wanted.length === 0 || wanted.includes(id));
    return Object.fromEntries(
      devices.flatMap(([id, { keys, displayName }]) => {
        if (!keys) return [];
        const unsigned = displayName === undefined ? {} : { device_display_name: displayName };
        return [[id, { ...this.#withSignatures(user, id, keys, asker), unsigned }]];
      }),
    );
  }

  crossSigningKey(user: string, name: (typeof crossSigningKeys)[number], asker: string): Signed | undefined {
    const key = this.#crossSigning.get(user)?.[name];
    return key && this.#withSignatures(user, publicKeyOf(key), key, asker);
  }

  setCrossSigningKey(user: string, name: (typeof crossSigningKeys)[number], key: Signed): void {
    this.#crossSigning.set(user, { ...this.#crossSigning.get(user), [name]: key });
  }

  /** Adds the signatures `signer` made to what is known under that device or public key; false: nothing is. */
  addSignatures(signer: string, owner: string, id: string, signed: Signed): "merged" | "unknown" | "differs" {
    const ofUser = Object.values(this.#crossSigning.get(owner) ?? {});
    const target = this.#devices.get(owner)?.get(id)?.keys ?? ofUser.find((key) => publicKeyOf(key) === id);
    if (!target) return "unknown";
    if (!isDeepStrictEqual(bare(target), bare(signed))) return "differs";
    const made = (signed["signatures"] as Signatures | undefined)?.[signer] ?? {};
    const known = this.#signatures.get(`${owner} ${id}`) ?? {};
    this.#signatures.set(`${owner} ${id}`, { ...known, [signer]: { ...known[signer], ...made } });
    return "merged";
  }

  /** A one-time key, each given once; else the fallback key. */
  claim(user: string, device: string, algorithm: string): Record<string, unknown> | undefined {
    const keys = this.#devices.get(user)?.get(device);
    for (const [id, key] of keys?.oneTime ?? []) {
      if (!id.startsWith(`${algorithm}:`)) continue;
      keys?.oneTime.delete(id);
      return { [id]: key };
    }
    const fallback = keys?.fallback.get(algorithm);
    if (!fallback) return undefined;
    fallback.used = true;
    return { [fallback.id]: fallback.key };
  }

  /** Synapse always counts signed_curve25519, also where there are none. */
  counts(user: string, device: string): Record<string, number> {
    const counts: Record<string, number> = { signed_curve25519: 0 };
    for (const id of this.device(user, device).oneTime.keys()) {
      const algorithm = id.slice(0, id.indexOf(":"));
      counts[algorithm] = (counts[algorithm] ?? 0) + 1;
    }
    return counts;
  }

  unusedFallbacks(user: string, device: string): string[] {
    return [...this.device(user, device).fallback].filter(([, { used }]) => !used).map(([algorithm]) => algorithm);
  }

  #withSignatures(owner: string, id: string, signed: Signed, asker: string): Signed {
    const merged: Signatures = { ...(signed["signatures"] as Signatures | undefined) };
    for (const [signer, made] of Object.entries(this.#signatures.get(`${owner} ${id}`) ?? {}))
      if (signer === owner || signer === asker) merged[signer] = { ...merged[signer], ...made };
    return { ...signed, signatures: merged };
  }
}

const publicKeyOf = (key: Signed): string => Object.values(key["keys"] as Record<string, string>)[0] ?? "";

const bare = ({ signatures: _signatures, unsigned: _unsigned, ...rest }: Signed): object => rest;
