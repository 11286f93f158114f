import type { Agent, Config } from "../../config/config.ts";
import type { Sql } from "../../db/client.ts";
import type { Log } from "../../log.ts";
import type { Keyring } from "../../seal.ts";
import type { KeyedMutex } from "./keyed-mutex.ts";
import type { AgentMachine } from "./machine.ts";
import type { Troubles } from "./troubles.ts";

/** An agent that this process holds: its machine, and what work with it needs. */
export interface CryptoMember {
  readonly agent: string;
  /** Full user id. */
  readonly user: string;
  readonly machine: AgentMachine;
  /** Which holder of the agent this process is. */
  readonly epoch: number;
  readonly config: () => Config;
  readonly sql: Sql;
  readonly keyring: Keyring;
  readonly log: Log;
  /** Aborts when the agent is given up. */
  readonly signal: AbortSignal;
  readonly troubles: Troubles;
  /** One at a time: `pull`, `claim`, and each room's sends. */
  readonly mutex: KeyedMutex;
  readonly pulling: Pulling;
}

/** Where the agent's pulls are. */
export interface Pulling {
  since: string | undefined;
  /** One-time keys on the homeserver, as last told. */
  oneTimeKeys: number | undefined;
  /** When the last one ended well, by performance.now(). */
  at: number;
  /** The last position and key count that are committed, and when, by performance.now(). */
  savedAt: number;
  /** To-device messages that pulls have brought, whoever asked for them. */
  brought: number;
  /** How many those were when what could not be read was last tried again; undefined: not yet by this holder. */
  triedAt: number | undefined;
  /** Shared by those who ask at once. */
  underWay: Promise<void> | undefined;
}

/** The agent's settings as they are now; undefined where a reload has taken it away. */
export const settingsOf = (member: Pick<CryptoMember, "agent" | "config">): Agent | undefined =>
  member.config().agents.get(member.agent);
