import type { Lane } from "../channel/types.ts";
import type { Locks } from "./locks.ts";

/** What became of an attempt to work on a lane. */
export type DrainResult =
  /** Worked until there was no more. */
  | "drained"
  /** This process is already at it and will look again. */
  | "joined"
  /** Another process holds it: come back in a moment. */
  | "elsewhere";

/** Sees to it that a lane is worked on by one worker of one process at a time, and that no wake-up is lost. */
export class Exclusive {
  readonly #locks: Locks;
  /** Lanes this process works on; true: somebody came meanwhile, so look again before leaving. */
  readonly #held = new Map<Lane, boolean>();

  constructor(locks: Locks) {
    this.#locks = locks;
  }

  /** Calls `work` until it says that there is no more. Its signal aborts when the lane's lock is lost. */
  async drain(lane: Lane, work: (signal: AbortSignal) => Promise<boolean>): Promise<DrainResult> {
    if (this.#held.has(lane)) {
      this.#held.set(lane, true);
      return "joined";
    }
    try {
      do {
        this.#held.set(lane, false);
        const signal = await this.#locks.tryLane(lane);
        if (!signal) return "elsewhere";
        try {
          let more: boolean;
          do {
            this.#held.set(lane, false);
            more = await work(signal);
          } while (more || this.#held.get(lane));
        } finally {
          await this.#locks.releaseLane(lane, signal);
        }
        // Whoever came while the lock was being released was told "joined".
      } while (this.#held.get(lane));
      return "drained";
    } finally {
      this.#held.delete(lane);
    }
  }
}
