/** What keeps an agent from reading or answering, by kind. */
export type TroubleKind = "pull" | "keys" | "identity" | "decrypt" | "encrypt";

/** One agent's troubles; the first one is what health shows. */
export class Troubles {
  readonly #open = new Map<TroubleKind, string>();
  readonly #onChange: (first: string | undefined) => void;
  #failures = 0;

  constructor(onChange: (first: string | undefined) => void) {
    this.#onChange = onChange;
  }

  /** `reason` undefined: it is over. */
  set(kind: TroubleKind, reason: string | undefined): void {
    const before = this.first;
    if (reason === undefined) this.#open.delete(kind);
    else this.#open.set(kind, reason);
    if (this.first !== before) this.#onChange(this.first);
  }

  /** A single message that cannot be read is its sender's matter; several in a row are ours. */
  decrypted(ok: boolean): void {
    this.#failures = ok ? 0 : this.#failures + 1;
    this.set(
      "decrypt",
      this.#failures < failuresInARow
        ? undefined
        : `the last ${this.#failures} encrypted messages could not be read: the log names why`,
    );
  }

  get first(): string | undefined {
    return this.#open.values().next().value;
  }
}

const failuresInARow = 3;
