/** How fast people may ask, where a run would begin. */
import type { Destination, Principal } from "../channel/types.ts";
import { roomOf } from "../channel/room.ts";
import type { Config } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { runningOf, secondsToWait } from "../ledger/run-rates.ts";

/** Whether a run may begin. */
export type Admission =
  /** It counts as under way until `end` is called. */
  | { readonly state: "begin"; readonly end: () => void }
  /** Too many runs of the person are under way: its messages stay where they are. */
  | { readonly state: "later" }
  /** Too many began in the last minute: its messages are turned away. */
  | { readonly state: "too-fast"; readonly key: string; readonly seconds: number };

const minuteMs = 60_000;
/** Keys kept before those without a recent run are forgotten. */
const keepKeys = 1_000;

/**
 * Runs are counted in this process, and asked of Postgres (which knows those of all replicas) only where this process alone
 * has begun an eighth of what is allowed: so limits hold exactly for up to eight gateways, and nobody below them waits for a
 * statement. Of runs at once a person can have one more for each gateway that had none of theirs.
 */
export class Rates {
  readonly #sql: Sql;
  readonly #clock: () => number;
  /** When the runs of the last minute began, by person and by room. */
  readonly #begun = new Map<string, number[]>();
  readonly #running = new Map<Principal, number>();

  constructor(sql: Sql, clock: () => number = Date.now) {
    this.#sql = sql;
    this.#clock = clock;
  }

  /** Decides about a run that is to begin now. */
  async admit(config: Config, principal: Principal, destination: Destination): Promise<Admission> {
    const { principal_per_minute, room_per_minute } = config.rate;
    if (this.#near(principal, principal_per_minute)) {
      const seconds = await secondsToWait(this.#sql, { principal }, principal_per_minute);
      if (seconds !== undefined) return { state: "too-fast", key: "rate.principal_per_minute", seconds };
    }
    const room = roomOf(destination);
    if (room !== undefined && this.#near(room, room_per_minute)) {
      const seconds = await secondsToWait(this.#sql, { room: destination }, room_per_minute);
      if (seconds !== undefined) return { state: "too-fast", key: "rate.room_per_minute", seconds };
    }
    return this.admitAgreed(config, principal, destination);
  }

  /** The same for what was agreed to before: it may have to wait, but is never turned away. */
  async admitAgreed(
    { rate }: Config,
    principal: Principal,
    destination: Destination,
  ): Promise<Exclude<Admission, { readonly state: "too-fast" }>> {
    const { principal_runs } = rate;
    if (this.#at(principal) > 0 && (await runningOf(this.#sql, principal)) >= principal_runs) return { state: "later" };
    // Without a wait in between: another lane of theirs may have been asking, too.
    if (this.#at(principal) >= principal_runs) return { state: "later" };
    this.#note(principal);
    const room = roomOf(destination);
    if (room !== undefined) this.#note(room);
    return { state: "begin", end: this.enter(principal) };
  }

  /** Counts a run of the person that was begun before as under way, until the returned function is called. */
  enter(principal: Principal): () => void {
    this.#running.set(principal, this.#at(principal) + 1);
    return () => {
      const left = this.#at(principal) - 1;
      if (left > 0) this.#running.set(principal, left);
      else this.#running.delete(principal);
    };
  }

  #at(principal: Principal): number {
    return this.#running.get(principal) ?? 0;
  }

  #near(key: string, limit: number): boolean {
    return this.#recent(key).length >= Math.max(1, Math.floor(limit / 8));
  }

  #recent(key: string): number[] {
    const since = this.#clock() - minuteMs;
    const begun = this.#begun.get(key) ?? [];
    const fresh = begun.findIndex((at) => at > since);
    begun.splice(0, fresh === -1 ? begun.length : fresh);
    return begun;
  }

  #note(key: string): void {
    const begun = this.#recent(key);
    begun.push(this.#clock());
    this.#begun.set(key, begun);
    if (this.#begun.size > keepKeys)
      for (const each of [...this.#begun.keys()]) if (this.#recent(each).length === 0) this.#begun.delete(each);
  }
}
