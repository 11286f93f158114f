/**
 * Which agents this process holds. Each is held by one process at a time, by a session lock that ends with it; the processes
 * of one database take equal shares, and what a dead one held is taken within a second or two.
 */
import { type Config, matrixUserId } from "../../config/config.ts";
import type { Sql } from "../../db/client.ts";
import { devicePulses } from "../../ledger/matrix-devices.ts";
import type { Locks } from "../../queue/locks.ts";
import { type HeldAgent, Holding, type HoldingDeps } from "./holding.ts";

/** What keeping needs. */
export interface KeeperDeps extends HoldingDeps {
  readonly config: () => Config;
  readonly sql: Sql;
  readonly locks: Pick<Locks, "tryAgent" | "releaseAgent" | "keepers">;
}

const shareEveryRounds = 5;

/** The agents of one process. */
export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #held = new Map<string, Holding>();
  #stopped = false;
  #rounds = 0;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  get(user: string): Holding | undefined {
    return this.#held.get(user);
  }

  all(): Holding[] {
    return [...this.#held.values()];
  }

  /** Takes what is free, up to a fair share, and gives back what is too much, gone from the config, or over. Every second. */
  async settle(): Promise<void> {
    const { sql, locks } = this.#deps;
    const agents = this.#wanted();
    if (agents.length === 0 && this.#held.size === 0) return;
    this.#rounds += 1;
    // It goes over the connection that lanes are locked on: who holds all asks seldom, for one that has come newly.
    const asks = this.#held.size < agents.length || this.#rounds % shareEveryRounds === 0;
    const share = asks ? Math.ceil(agents.length / (await locks.keepers())) : agents.length;
    const pulses = await devicePulses(sql, [...this.#held.keys()]);
    for (const holding of this.all())
      if (!agents.some(({ user }) => user === holding.user) || holding.isOver(pulses.get(holding.user)))
        await this.drop(holding);
    for (const spare of this.all().slice(share)) await this.drop(spare);
    for (const agent of agents) {
      if (this.#stopped || this.#held.size >= share) break;
      if (this.#held.has(agent.user)) continue;
      const lock = await locks.tryAgent(agent.user);
      if (lock) this.#held.set(agent.user, new Holding(this.#deps, agent, lock));
    }
    for (const holding of this.all()) holding.tick(pulses.get(holding.user));
  }

  /** Gives an agent up; whoever is free takes it next, this process too. */
  async drop(holding: Holding): Promise<void> {
    if (this.#held.get(holding.user) === holding) this.#held.delete(holding.user);
    await holding.close();
    await this.#deps.locks.releaseAgent(holding.user, holding.lock).catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.all().map((holding) => this.drop(holding)));
  }

  #wanted(): HeldAgent[] {
    const config = this.#deps.config();
    return [...config.agents.values()].flatMap((agent) => {
      const user = matrixUserId(config, agent);
      return user !== undefined && agent.matrix ? [{ agent: agent.name, user, localpart: agent.matrix.localpart }] : [];
    });
  }
}
