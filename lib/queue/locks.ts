/**
 * Who is alive and who works on what, as PostgreSQL session locks on one connection of their own: they end with the
 * process, however it ends, so nothing has to time out after a `kill -9`.
 */
import { randomUUID } from "node:crypto";
import { connect, type Sql } from "../db/client.ts";
import type { Log } from "../log.ts";

/** First key of the two-key advisory locks; the second is hashtext() of the name. */
export const lockClass = { worker: 7_301_002, lane: 7_301_003 } as const;

interface Session {
  readonly controller: AbortController;
  readonly ready: Promise<unknown>;
}

/** The locks of one process. */
export class Locks {
  /** This process's name in `outbox.worker`, and of its liveness lock. */
  readonly worker: string = `gateway-${randomUUID()}`;
  readonly #names: Set<string>;
  readonly #sql: Sql;
  readonly #log: Log;
  #session: Session | undefined;
  #closed = false;

  constructor(url: string, log: Log) {
    this.#names = new Set([this.worker]);
    this.#log = log;
    this.#sql = connect(url, { max: 1, name: "openclaw locks", onclose: () => this.#lost() });
  }

  /** Holds a further name alive (the queue's own id of this process). */
  async announce(name: string): Promise<void> {
    this.#names.add(name);
    await (
      await this.#open()
    ).ready;
    await this.#sql`select pg_advisory_lock(${lockClass.worker}, hashtext(${name}))`;
  }

  /**
   * Takes the lane's lock if it is free. The returned signal aborts when the lock is lost with its connection; undefined
   * when another process holds it. Not reentrant across callers of one process: see Exclusive.
   */
  async tryLane(lane: string): Promise<AbortSignal | undefined> {
    const session = await this.#open();
    const [row] = await this.#sql<
      { held: boolean }[]
    >`select pg_try_advisory_lock(${lockClass.lane}, hashtext(${lane})) as held`;
    if (!row?.held) return undefined;
    const { signal } = session.controller;
    if (!signal.aborted) return signal;
    // The connection broke while the query waited, which then took the lock on the next one.
    await this.#sql`select pg_advisory_unlock(${lockClass.lane}, hashtext(${lane}))`;
    return undefined;
  }

  async releaseLane(lane: string, signal: AbortSignal): Promise<void> {
    // Gone with its session; the name may by now be locked anew.
    if (signal.aborted) return;
    await this.#sql`select pg_advisory_unlock(${lockClass.lane}, hashtext(${lane}))`;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sql.end({ timeout: 5 });
  }

  async #open(): Promise<Session> {
    this.#session ??= { controller: new AbortController(), ready: this.#lockNames() };
    const session = this.#session;
    try {
      await session.ready;
    } catch (thrown) {
      if (this.#session === session) this.#session = undefined;
      throw thrown;
    }
    return session;
  }

  async #lockNames(): Promise<void> {
    for (const name of this.#names) await this.#sql`select pg_advisory_lock(${lockClass.worker}, hashtext(${name}))`;
  }

  #lost(): void {
    if (this.#closed || !this.#session) return;
    this.#log.error(
      "the connection that holds this process's locks was lost; its runs stop here and are taken up again",
    );
    this.#session.controller.abort();
    this.#session = undefined;
    // At once, so that others do not take this process for dead; should it fail, the next lane tries again.
    setImmediate(() => void this.#open().catch(() => {}));
  }
}
