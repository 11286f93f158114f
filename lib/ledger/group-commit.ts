import { refusedState } from "../db/refused.ts";

/**
 * Group commit: while one statement is on its way, what arrives is collected and goes as the next one. A lone item is
 * never delayed; under load many share a commit. Each caller still waits for the commit that holds its own items.
 */
export class GroupCommit<Item, Result> {
  readonly #maxBatch: number;
  readonly #commit: (items: readonly Item[]) => Promise<Result[]>;
  #waiting: Waiting<Item, Result>[] = [];
  #busy = false;

  /** `commit` returns results of all items together; callers pick theirs out. */
  constructor(maxBatch: number, commit: (items: readonly Item[]) => Promise<Result[]>) {
    this.#maxBatch = maxBatch;
    this.#commit = commit;
  }

  /** Resolves after the items are committed, with the results of the whole batch; rejects when they were not. */
  add(items: readonly Item[]): Promise<Result[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      if (!this.#busy) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) await this.#flush(this.#take());
    this.#busy = false;
  }

  #take(): Waiting<Item, Result>[] {
    let size = 0;
    const end = this.#waiting.findIndex((entry) => (size += entry.items.length) > this.#maxBatch);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }

  /** One caller's bad item must not fail the others: a refused batch is committed again caller by caller; a lost connection would fail each alike. */
  async #flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#commit(batch.flatMap((entry) => entry.items));
      for (const entry of batch) entry.resolve(results);
    } catch (thrown) {
      if (batch.length > 1 && refusedState(thrown)) for (const entry of batch) await this.#flush([entry]);
      else for (const entry of batch) entry.reject(thrown);
    }
  }
}

interface Waiting<Item, Result> {
  readonly items: readonly Item[];
  resolve(results: Result[]): void;
  reject(thrown: unknown): void;
}
