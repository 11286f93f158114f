const keepKeys = 1_000;

/** Lets one thing a key through in each period, so that nobody can fill the log. Forgets the oldest keys first. */
export class OncePer {
  readonly #periodMs: number;
  readonly #clock: () => number;
  readonly #last = new Map<string, number>();

  constructor(periodMs: number, clock: () => number = Date.now) {
    this.#periodMs = periodMs;
    this.#clock = clock;
  }

  allows(key: string): boolean {
    const now = this.#clock();
    const last = this.#last.get(key);
    if (last !== undefined && now - last < this.#periodMs) return false;
    this.#last.delete(key);
    this.#last.set(key, now);
    if (this.#last.size > keepKeys)
      for (const oldest of [...this.#last.keys()].slice(0, 100)) this.#last.delete(oldest);
    return true;
  }
}
