const keepKeys = 1_000;

/** Counts failures by key, and lets no more than `most` happen in each period. Forgets the oldest keys first. */
export class Attempts {
  readonly #most: number;
  readonly #periodMs: number;
  readonly #clock: () => number;
  readonly #failed = new Map<string, { count: number; readonly since: number }>();

  constructor(most: number, periodMs: number, clock: () => number = Date.now) {
    this.#most = most;
    this.#periodMs = periodMs;
    this.#clock = clock;
  }

  /** Whether another one may be made. */
  allows(key: string): boolean {
    const found = this.#failed.get(key);
    return !found || found.count < this.#most || this.#clock() - found.since >= this.#periodMs;
  }

  failed(key: string): void {
    const now = this.#clock();
    const found = this.#failed.get(key);
    if (found && now - found.since < this.#periodMs) found.count += 1;
    else this.#failed.delete(key);
    if (!this.#failed.has(key)) this.#failed.set(key, { count: 1, since: now });
    if (this.#failed.size > keepKeys) this.#failed.delete([...this.#failed.keys()][0] ?? "");
  }
}
