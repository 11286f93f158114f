/** One agent that this process holds: its keys loaded, its mail attended to, until it is given up. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../errors.ts";
import type { Pulse } from "../../ledger/matrix-devices.ts";
import type { CryptoMember } from "./member.ts";
import { openMember, type OpenDeps } from "./open.ts";

/** What holding needs besides a lock. */
export interface HoldingDeps extends OpenDeps {
  /** Fetches (first, where asked) and reads what is there for the agent. */
  readonly attend: (member: CryptoMember, pullFirst: boolean) => Promise<void>;
  /** Whether the agent waits for something that nobody announces. */
  readonly isBusy: (member: CryptoMember) => boolean;
}

/** Which agent it is. */
export interface HeldAgent {
  readonly agent: string;
  /** Full user id. */
  readonly user: string;
  readonly localpart: string;
}

const pullEveryMs = 60_000;
/** Without a pull for so long it cannot be said that the agent reads what it is sent. */
export const stallMs = 180_000;
const firstBackoffMs = 500;
const lastBackoffMs = 30_000;

/** Made while its lock is held; `lock` aborts when that is lost. */
export class Holding {
  readonly user: string;
  readonly lock: AbortSignal;
  readonly #deps: HoldingDeps;
  readonly #controller = new AbortController();
  readonly #opened: Promise<void>;
  #member: CryptoMember | undefined;
  #trouble = "its keys are being loaded";
  #attending = false;
  /** What to do as soon as possible. */
  #wanted: { readonly pull: boolean } | undefined;
  /** No new try before this, by performance.now(). */
  #notBefore = 0;
  #backoffMs = firstBackoffMs;
  #closing: Promise<void> | undefined;

  constructor(deps: HoldingDeps, agent: HeldAgent, lock: AbortSignal) {
    this.user = agent.user;
    this.lock = lock;
    this.#deps = deps;
    this.#opened = this.#open(agent, AbortSignal.any([this.#controller.signal, lock]));
  }

  /** The agent with its keys; undefined until they are loaded. */
  get member(): CryptoMember | undefined {
    return this.#member;
  }

  /** Resolves when the keys are loaded, or the agent is given up. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  /** What keeps the agent from working; undefined: nothing. */
  get trouble(): string | undefined {
    if (this.lock.aborted) return "its lock is lost with the connection to the database";
    if (!this.#member) return this.#trouble;
    const { troubles, pulling } = this.#member;
    if (troubles.first !== undefined) return troubles.first;
    const ago = performance.now() - pulling.at;
    return ago > stallMs ? `its keys were last fetched ${Math.round(ago / 1000)} s ago` : undefined;
  }

  /** Whether it is of use no longer: another holder has come, or its machine knows more than the database. */
  isOver(pulse: Pulse | undefined): boolean {
    const member = this.#member;
    if (this.lock.aborted || !member) return this.lock.aborted;
    return member.machine.broken !== undefined || pulse === undefined || pulse.epoch > member.epoch;
  }

  /** Attends to the agent's mail, now or right after what is under way. */
  wake(pullFirst: boolean): void {
    this.#wanted = { pull: pullFirst || this.#wanted?.pull === true };
    if (!this.#attending && this.#member) void this.#attend(this.#member);
  }

  /** Does what nobody has woken it for: called every second. */
  tick(pulse: Pulse | undefined): void {
    const member = this.#member;
    if (!member || performance.now() < this.#notBefore) return;
    const pull = performance.now() - member.pulling.at > pullEveryMs || this.#deps.isBusy(member);
    if (pull || this.#wanted || pulse?.waiting || member.pulling.brought) this.wake(pull);
  }

  /** Ends what is under way and frees the keys, once. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#controller.abort();
      await this.#opened;
      await this.#member?.machine.close();
    })();
    return this.#closing;
  }

  async #open(agent: HeldAgent, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    for (let wait = firstBackoffMs; !signal.aborted; wait = Math.min(wait * 2, lastBackoffMs)) {
      try {
        const member = await openMember(this.#deps, agent, signal);
        this.#member = member;
        log.info({ user: agent.user, device: member.machine.deviceId, epoch: member.epoch }, "matrix: agent held");
        return this.wake(true);
      } catch (err) {
        if (signal.aborted) return;
        this.#trouble = messageOf(err);
        log.error({ err, user: agent.user }, "matrix: the agent's keys could not be loaded; it is tried again");
        await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
      }
    }
  }

  async #attend(member: CryptoMember): Promise<void> {
    const { attend, log } = this.#deps;
    this.#attending = true;
    try {
      while (this.#wanted && !member.signal.aborted) {
        const { pull } = this.#wanted;
        this.#wanted = undefined;
        await attend(member, pull);
      }
      this.#backoffMs = firstBackoffMs;
    } catch (err) {
      if (member.signal.aborted) return;
      this.#wanted ??= { pull: true };
      this.#notBefore = performance.now() + this.#backoffMs;
      this.#backoffMs = Math.min(this.#backoffMs * 2, lastBackoffMs);
      log.warn({ err, user: this.user }, "matrix: encrypted messages could not be fetched or read; it is tried again");
    } finally {
      this.#attending = false;
    }
  }
}
