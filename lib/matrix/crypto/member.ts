import type { Agent, Config } from "../../config/config.ts";
import type { Sql } from "../../db/client.ts";
import type { Log } from "../../log.ts";
import type { Keyring } from "../../seal.ts";
import type { MatrixClient } from "../client.ts";
import type { FreshRooms } from "./fresh-rooms.ts";
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
  readonly client: MatrixClient;
  readonly log: Log;
  /** Aborts when the agent is given up. */
  readonly signal: AbortSignal;
  readonly troubles: Troubles;
  /** One at a time: `pull`, `claim`, and each room's sends. */
  readonly mutex: KeyedMutex;
  readonly pulling: Pulling;
  readonly rooms: FreshRooms;
}

/** Where the agent's pulls are. */
export interface Pulling {
  since: string | undefined;
  /** One-time keys on the homeserver, as last told. */
  oneTimeKeys: number | undefined;
  /** When the last one ended well, or the agent was opened, by performance.now(). */
  at: number;
  /** Whether one has ended well since the agent was opened. */
  done: boolean;
  /** The last position and key count that are committed, and when, by performance.now(). */
  savedAt: number;
  /** The homeserver says that it shows others of the agent has changed, and nobody has looked yet. */
  ownKeysChanged: boolean;
  /** To-device messages came, with keys among them perhaps, and what could not be read was not tried again since. */
  brought: boolean;
  /** Shared by those who ask at once. */
  underWay: Promise<void> | undefined;
}

/** The agent's settings as they are now; undefined where a reload has taken it away. */
export const settingsOf = (member: Pick<CryptoMember, "agent" | "config">): Agent | undefined =>
  member.config().agents.get(member.agent);
