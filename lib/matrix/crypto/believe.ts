/**
 * Who is believed in an encrypted room: a homeserver can add a device to a person's account, or give the person another
 * identity, but it cannot sign with the one first seen. Pure.
 */
import type { KnownIdentity, SeenDevice } from "../../ledger/matrix-identities.ts";

/** What a decrypted message says of its sender; public keys in unpadded base64. */
export interface SenderFacts {
  /** The device whose keys the message was encrypted with; undefined where the account has none such. */
  readonly device: (SeenDevice & { readonly crossSigned: boolean }) | undefined;
  /** The master key of the sender's identity as the homeserver shows it. */
  readonly masterKey: string | undefined;
  /** False: somebody else handed the key on, so that nobody can say whose words these are. */
  readonly authentic: boolean;
}

/** Why a message gets no run. */
export type Disbelief = "forwarded key" | "unknown device" | "another identity" | "unsigned device";

/** Whether the sender is who they say; `pin`: this identity is to be the person's own from now on. */
export type Belief =
  { readonly believed: true; readonly pin?: string } | { readonly believed: false; readonly why: Disbelief };

/** Weighs a sender against what is known of the person. */
export function judgeSender(
  facts: SenderFacts,
  known: KnownIdentity | undefined,
  trust: "cross-signed" | "any",
): Belief {
  if (trust === "any") return { believed: true };
  const { device, masterKey, authentic } = facts;
  if (!authentic) return { believed: false, why: "forwarded key" };
  if (!device) return { believed: false, why: "unknown device" };
  if (known?.trustedDevices.includes(device.ed25519)) return { believed: true };
  if (known?.masterKey !== undefined && masterKey !== undefined && known.masterKey !== masterKey)
    return { believed: false, why: "another identity" };
  if (masterKey === undefined || !device.crossSigned) return { believed: false, why: "unsigned device" };
  return known?.masterKey === undefined ? { believed: true, pin: masterKey } : { believed: true };
}
