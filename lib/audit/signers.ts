/** Whose signature a checkpoint must have: the gateway's key knows its own, and by its word those of the keys before it. */
import { base64url, type Checkpoint } from "./checkpoint.ts";
import { isSigned, type KeyRotation } from "./key-rotation.ts";
import type { Findings } from "./verify-findings.ts";

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The keys of a gateway's life. That a key stands in the database is worth nothing: the one after it must have signed that. */
export class Signers {
  /** Vouched for, oldest first. */
  readonly vouched: readonly KeyRotation[];
  readonly #newest: Uint8Array | undefined;

  /** `key`: the newest key, known from elsewhere; undefined: what the last rotation names, and where there is none, anybody's. */
  constructor(rotations: readonly KeyRotation[], key: Uint8Array | undefined, findings: Findings) {
    this.#newest = key ?? rotations.at(-1)?.publicKey;
    const vouched: KeyRotation[] = [];
    for (const [index, rotation] of [...rotations.entries()].reverse()) {
      const after = vouched[0]?.retiredKey ?? this.#newest;
      const wrong = wrongWith(rotation, index + 1, after, rotations[index - 1]);
      if (wrong !== undefined) {
        findings.add({ kind: "key", text: `change ${rotation.number} of the key ${wrong}` });
        break;
      }
      vouched.unshift(rotation);
    }
    this.vouched = vouched;
  }

  /** Who must have signed a checkpoint; undefined: nothing is known. */
  of(number: number): Uint8Array | undefined {
    return this.vouched.find(({ checkpoint }) => checkpoint >= number)?.retiredKey ?? this.#newest;
  }

  /** Whether a checkpoint is the one that a later key has vouched for, where one has. */
  isVouched({ number, hash }: Pick<Checkpoint, "number" | "hash">): boolean {
    return this.vouched.every(({ checkpoint, checkpointHash }) => checkpoint !== number || same(checkpointHash, hash));
  }
}

function wrongWith(
  rotation: KeyRotation,
  due: number,
  after: Uint8Array | undefined,
  before: KeyRotation | undefined,
): string | undefined {
  if (rotation.number !== due) return `follows on change ${due - 1}: others are missing`;
  if (after === undefined || !same(rotation.publicKey, after))
    return `is to ${base64url(rotation.publicKey)}, and not to ${base64url(after ?? new Uint8Array())}: it vouches for nothing`;
  if (!isSigned(rotation)) return "has a signature that is not of it: it vouches for nothing";
  if (before && before.checkpoint > rotation.checkpoint) return "vouches for less than the one before it";
  return undefined;
}
