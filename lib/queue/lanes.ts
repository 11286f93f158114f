import type { Lane } from "../channel/types.ts";

/** What became of one pass over a lane. */
export type Pass =
  /** Worked until there was no more. */
  | "drained"
  /** Another process holds it: it is looked at again in a moment. */
  | "elsewhere"
  /** What is next must not begin yet: it is looked at again a little later. */
  | "later";

/** How lanes are worked on. */
export interface LaneWork {
  /** One pass over a lane, under its lock. The signal aborts at the end of a stop's grace. */
  pass(lane: Lane, signal: AbortSignal): Promise<Pass>;
  /** Told of a pass that threw; the lane is tried again by itself after `retryMs`. */
  failed(lane: Lane, thrown: unknown, retryMs: number): void;
}

const elsewhereMs = 300;
const laterMs = 1_000;
const firstRetryMs = 500;
const lastRetryMs = 60_000;

interface Busy {
  /** Somebody came meanwhile: look again before leaving. */
  again: boolean;
  readonly done: Promise<void>;
}

/**
 * The lanes this process works on: each by one worker at a time, `concurrency` of them at once, in the order they were
 * woken. No wake-up is lost; a lane that waits longer than the sweep's patience may be taken by another process.
 */
export class Lanes {
  readonly #concurrency: number;
  readonly #work: LaneWork;
  readonly #waiting = new Set<Lane>();
  /** Lanes that are looked at again when their timer ends: theirs is the time their last failure told to wait. */
  readonly #resting = new Map<Lane, { readonly timer: NodeJS.Timeout; readonly retryMs: number }>();
  readonly #busy = new Map<Lane, Busy>();
  readonly #stop = new AbortController();
  #closing = false;

  constructor(concurrency: number, work: LaneWork) {
    this.#concurrency = concurrency;
    this.#work = work;
  }

  /** Wakes a lane that recovery found open, unless it rests after a failure. */
  nudge(lane: Lane): void {
    if (!this.#resting.has(lane)) this.wake(lane);
  }

  /** Works on the lane as soon as there is room; returns at once. After a stop began, the lane is left to recovery. */
  wake(lane: Lane): void {
    if (this.#closing) return;
    const busy = this.#busy.get(lane);
    if (busy) busy.again = true;
    else {
      this.#waiting.add(lane);
      this.#fill();
    }
  }

  /** Takes no more, and resolves when what is under way has ended; past `graceMs` it is interrupted, to be resumed. */
  async stop(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#waiting.clear();
    for (const { timer } of this.#resting.values()) clearTimeout(timer);
    const timer = setTimeout(() => this.#stop.abort(), graceMs);
    await Promise.all([...this.#busy.values()].map(({ done }) => done));
    clearTimeout(timer);
  }

  #fill(): void {
    for (const lane of this.#waiting) {
      if (this.#busy.size >= this.#concurrency) return;
      this.#waiting.delete(lane);
      const { promise, resolve } = Promise.withResolvers<void>();
      const busy: Busy = { again: false, done: promise };
      this.#busy.set(lane, busy);
      void this.#drain(lane, busy).finally(() => {
        this.#busy.delete(lane);
        resolve();
        if (busy.again) this.wake(lane);
        this.#fill();
      });
    }
  }

  async #drain(lane: Lane, busy: Busy): Promise<void> {
    const rested = this.#resting.get(lane);
    clearTimeout(rested?.timer);
    this.#resting.delete(lane);
    try {
      let pass: Pass;
      do {
        busy.again = false;
        pass = await this.#work.pass(lane, this.#stop.signal);
      } while (busy.again && pass === "drained" && !this.#closing);
      if (pass !== "drained") this.#rest(lane, pass === "later" ? laterMs : elsewhereMs);
    } catch (thrown) {
      const retryMs = Math.min((rested?.retryMs ?? firstRetryMs / 2) * 2, lastRetryMs);
      this.#rest(lane, retryMs);
      this.#work.failed(lane, thrown, retryMs);
    }
  }

  #rest(lane: Lane, retryMs: number): void {
    if (this.#closing) return;
    const timer = setTimeout(() => this.wake(lane), retryMs).unref();
    this.#resting.set(lane, { timer, retryMs });
  }
}
