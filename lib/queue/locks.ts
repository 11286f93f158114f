/**
 * Who is alive and who works on what, as PostgreSQL session locks on one connection of their own: they end with the
 * process, however it ends, so nothing has to time out after a `kill -9`.
 */
import { randomUUID } from "node:crypto";
import { connect, type Sql } from "../db/client.ts";
import { joinUsers } from "../db/gateway-lock.ts";
import { ClawError } from "../errors.ts";
import type { Log } from "../log.ts";

/** First key of the two-key advisory locks; the second is hashtext() of the name. */
export const lockClass = { worker: 7_301_002, lane: 7_301_003, agent: 7_301_004, keeper: 7_301_005 } as const;

/** One connection and what it holds. A lost one is thrown away whole: nothing of it can be mistaken for the next one's. */
interface Session {
  readonly sql: Sql;
  readonly controller: AbortController;
  /** Once the names are locked. */
  readonly ready: Promise<void>;
  readonly keeper: { announced: boolean };
}

/** Whether a process may work on the database. */
export interface LocksOptions {
  /** Throws ClawError where it may not; asked each time that it connects. */
  readonly check?: (sql: Sql) => Promise<void>;
  /** Told where it may not any more, though it has until its connection was lost. */
  readonly refused?: ((thrown: ClawError) => void) | undefined;
}

const reopenMs = 250;

/** The locks of one process. */
export class Locks {
  /** This process's name in `outbox.worker`, and of its liveness lock. */
  readonly worker: string = `gateway-${randomUUID()}`;
  readonly #names: Set<string>;
  readonly #url: string;
  readonly #log: Log;
  readonly #check: (sql: Sql) => Promise<void>;
  readonly #refused: (thrown: ClawError) => void;
  #session: Session | undefined;
  #reopening: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: string, log: Log, { check = async () => {}, refused = () => {} }: LocksOptions = {}) {
    this.#names = new Set([this.worker]);
    this.#url = url;
    this.#log = log;
    this.#check = check;
    this.#refused = refused;
  }

  /** Connects, as one of the database's users. Throws what `check` throws, and ClawError where somebody has it alone. */
  async open(): Promise<void> {
    const session = (this.#session ??= this.#connect());
    try {
      await session.ready;
    } catch (thrown) {
      await this.close();
      throw thrown;
    }
  }

  /** Holds a further name alive (the queue's own id of this process). */
  async announce(name: string): Promise<void> {
    this.#names.add(name);
    const { sql } = await this.#open();
    await lockName(sql, name);
  }

  /**
   * Takes the lane's lock if it is free; undefined when another process holds it. `read` is sent right behind, on the same
   * connection, which runs one after the other: it sees what is true once the lock is held, without a second round trip.
   * `signal` aborts when the lock is lost with its connection. Not reentrant across callers of one process: see Lanes.
   */
  async tryLane<Value>(
    lane: string,
    read: (sql: Sql) => Promise<Value>,
  ): Promise<{ readonly signal: AbortSignal; readonly value: Value } | undefined> {
    const { sql, controller } = await this.#open();
    // Queries are sent when they are first waited for: this one must be before any of `read`.
    const locking = sql<
      { held: boolean }[]
    >`select pg_try_advisory_lock(${lockClass.lane}, hashtext(${lane})) as held`.execute();
    const [locked, value] = await Promise.allSettled([locking, read(sql)]);
    if (locked.status === "rejected") throw locked.reason;
    if (!locked.value[0]?.held) return undefined;
    if (value.status === "fulfilled") return { signal: controller.signal, value: value.value };
    await this.releaseLane(lane, controller.signal);
    throw value.reason;
  }

  async releaseLane(lane: string, signal: AbortSignal): Promise<void> {
    const session = this.#session;
    // Gone with its session; the name may by now be locked anew.
    if (signal.aborted || session?.controller.signal !== signal) return;
    await session.sql`select pg_advisory_unlock(${lockClass.lane}, hashtext(${lane}))`;
  }

  /** Takes an agent if no other process has it; `signal` aborts when it is lost with its connection. */
  async tryAgent(user: string): Promise<AbortSignal | undefined> {
    const { sql, controller } = await this.#open();
    const [row] = await sql<{ held: boolean }[]>`
      select pg_try_advisory_lock(${lockClass.agent}, hashtext(${user})) as held`;
    return row?.held ? controller.signal : undefined;
  }

  async releaseAgent(user: string, signal: AbortSignal): Promise<void> {
    const session = this.#session;
    if (signal.aborted || session?.controller.signal !== signal) return;
    await session.sql`select pg_advisory_unlock(${lockClass.agent}, hashtext(${user}))`;
  }

  /** Counts this process among those that keep agents, and returns how many they are. */
  async keepers(): Promise<number> {
    const { sql, keeper } = await this.#open();
    if (!keeper.announced) {
      keeper.announced = true;
      await sql`select pg_advisory_lock(${lockClass.keeper}, hashtext(${this.worker}))`;
    }
    const [row] = await sql<{ count: number }[]>`
      select count(distinct pid)::int as count from pg_locks
      where locktype = 'advisory' and granted and objsubid = 2 and classid = ${lockClass.keeper}::oid
        and database = (select oid from pg_database where datname = current_database())`;
    return Math.max(1, row?.count ?? 1);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reopening);
    await this.#session?.sql.end({ timeout: 5 });
  }

  async #open(): Promise<Session> {
    const session = (this.#session ??= this.#connect());
    try {
      await session.ready;
    } catch (thrown) {
      if (thrown instanceof ClawError && this.#session === session) this.#refused(thrown);
      this.#lost(session);
      throw thrown;
    }
    return session;
  }

  #connect(): Session {
    const sql = connect(this.#url, { max: 1, name: "openclaw locks", onclose: () => this.#lost(session) });
    const session = {
      sql,
      controller: new AbortController(),
      ready: this.#lockNames(sql),
      keeper: { announced: false },
    };
    return session;
  }

  async #lockNames(sql: Sql): Promise<void> {
    await joinUsers(sql);
    await this.#check(sql);
    for (const name of this.#names) await lockName(sql, name);
  }

  #lost(session: Session): void {
    if (this.#closed || this.#session !== session) return;
    this.#session = undefined;
    session.controller.abort();
    session.sql.end({ timeout: 0 }).catch(() => {});
    this.#log.error(
      "the connection that holds this process's locks was lost; its runs stop here and are taken up again",
    );
    // Soon, and without a lane to ask for it: without its liveness locks others take this process for dead.
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => void this.#open().catch(() => {}), reopenMs).unref();
  }
}

const lockName = (sql: Sql, name: string): Promise<unknown> =>
  sql`select pg_advisory_lock(${lockClass.worker}, hashtext(${name}))`;
