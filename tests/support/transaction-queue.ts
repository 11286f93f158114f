/** Pushes transactions as Synapse does: one at a time, in order, each repeated with the same id until it is answered 200. */
import { setTimeout as sleep } from "node:timers/promises";

/** Where and as whom to push. */
export interface TransactionQueueOptions {
  /** The gateway's public listener; undefined: nothing is pushed yet. */
  readonly gateway: () => string | undefined;
  readonly hsToken: () => string;
  /** Wait after the first failure, doubled up to 16 times that. */
  readonly retryMs: number;
}

/** What a homeserver with the experimental features pushes beside events. */
export interface PushHint {
  readonly toDevice?: readonly object[];
  /** Users whose devices changed. */
  readonly changed?: readonly string[];
}

interface Entry {
  readonly events: object[];
  readonly hint?: PushHint;
  readonly resolve: () => void;
}

/** The transactions that wait for the gateway. */
export class TransactionQueue {
  readonly #options: TransactionQueueOptions;
  readonly #stop = new AbortController();
  #waiting: Entry[] = [];
  #running: Promise<void> | undefined;
  #nextId = 1;
  /** How often a transaction was answered with something else than 200. */
  failures = 0;

  constructor(options: TransactionQueueOptions) {
    this.#options = options;
  }

  /** Resolves once the gateway has acknowledged the events; never while it is down. */
  push(events: object[]): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ events, resolve });
      this.wake();
    });
  }

  /** Pushes what a homeserver forgets when it is not taken at once. */
  hint(hint: PushHint): void {
    if (this.#options.gateway() === undefined) return;
    this.#waiting.push({ events: [], hint, resolve: () => {} });
    this.wake();
  }

  /** What waited for a gateway goes now. */
  wake(): void {
    if (this.#options.gateway() === undefined || this.#stop.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Pushed after the last look and before this.
      if (this.#waiting.length > 0) this.wake();
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#take();
      const id = this.#nextId++;
      let wait = this.#options.retryMs;
      let body = bodyOf(batch, true);
      while (!(await this.#deliver(id, body))) {
        if (this.#stop.signal.aborted) return;
        this.failures += 1;
        // element-hq/synapse#14710: a repeated transaction has only its events, and without any it is thrown away.
        body = bodyOf(batch, false);
        if (batch.every(({ events }) => events.length === 0)) break;
        await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => {});
        wait = Math.min(wait * 2, this.#options.retryMs * 16);
      }
      for (const entry of batch) entry.resolve();
    }
  }

  /** At most 100 events a transaction; what was pushed together stays together. */
  #take(): Entry[] {
    let size = 0;
    const end = this.#waiting.findIndex((entry) => (size += entry.events.length + (entry.hint ? 1 : 0)) > 100);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }

  async #deliver(id: number, body: object): Promise<boolean> {
    try {
      const response = await fetch(`${this.#options.gateway()}/_matrix/app/v1/transactions/${id}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${this.#options.hsToken()}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: this.#stop.signal,
      });
      await response.json();
      return response.status === 200;
    } catch {
      return false;
    }
  }
}

function bodyOf(batch: readonly Entry[], withHints: boolean): object {
  const toDevice = batch.flatMap(({ hint }) => hint?.toDevice ?? []);
  const changed = [...new Set(batch.flatMap(({ hint }) => hint?.changed ?? []))];
  return {
    events: batch.flatMap(({ events }) => events),
    ...(withHints && toDevice.length > 0 && { "de.sorunome.msc2409.to_device": toDevice }),
    ...(withHints && changed.length > 0 && { "org.matrix.msc3202.device_lists": { changed, left: [] } }),
  };
}
