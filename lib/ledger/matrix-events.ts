/** What the ledgers already hold of a Matrix event: pending messages, messages sent by agents, membership pushes. */
import type { Sql } from "postgres";
import type { Destination, InboundMessage, Lane, Principal } from "../channel/types.ts";
import type { Sealer } from "../seal.ts";
import { inboxSeal } from "./inbox.ts";

/** A message that an event speaks of, as it went to each of these users. */
export interface Target {
  readonly eventId: string;
  readonly room: string;
  readonly users: readonly string[];
}

/** A membership push waiting for its task. */
export interface PendingMembership {
  /** The channel's own JSON, as ingest gave it. */
  readonly body: unknown;
  /** When it was pushed: a Postgres timestamp. */
  readonly receivedAt: string;
}

/** A question to approvers, where an agent asked it. */
export interface AskedQuestion {
  readonly code: string;
  /** The mailbox it was said in. */
  readonly lane: Lane;
  readonly user: string;
  readonly room: string;
  readonly thread: string | undefined;
}

/** Questions and changes by event id. */
export interface MatrixEvents {
  /**
   * Changes a pending message of the principal wherever no run has begun on it. An edit from anyone else, or that
   * names a message of another room, changes nothing. Returns how many were changed.
   */
  edit(target: Target, principal: Principal, change: (message: InboundMessage) => InboundMessage): Promise<number>;
  /** Drops a pending message and its body. Returns how many were dropped. */
  redact(target: Target): Promise<number>;
  /** The agents' users that sent these events, by event id; events of others are absent. */
  senders(eventIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The questions to approvers that these events are, by event id. */
  questions(eventIds: readonly string[]): Promise<ReadonlyMap<string, AskedQuestion>>;
  /** The event that an outbox entry was sent as; undefined where it is not sent. */
  sentAs(key: string): Promise<string | undefined>;
  /** A membership push that is still to be worked on, or undefined. */
  membership(inbox: number): Promise<PendingMembership | undefined>;
  /** Ends a membership push. */
  finishMembership(inbox: number, state: "done" | "refused", reason?: string): Promise<void>;
}

/** The unique source of an event as it goes to one of our users. */
export const eventSource = (eventId: string, user: string): string => `matrix:${eventId}:${user}`;

/** The unique source of an encrypted event that one of our users is to read. */
export const encryptedSource = (eventId: string, user: string): string => `${eventSource(eventId, user)}#encrypted`;

/** The lane of what one of our users is to decrypt. */
export const encryptedLane = (user: string): string => `matrix-encrypted:${user}`;

/** The user of such a lane. */
export const userOfEncryptedLane = (lane: string): string => lane.slice("matrix-encrypted:".length);

/** The mailbox of a room, or a thread of it, with one of our users. */
export const matrixLane = (user: string, room: string, thread?: string): string =>
  `matrix:${user}|${room}${thread === undefined ? "" : `|${thread}`}`;

/** Over the tables inbox and outbox. */
export function createMatrixEvents(sql: Sql, bodies: Sealer): MatrixEvents {
  return {
    async edit(target, principal, change) {
      return sql.begin(async (tx) => {
        // The lock keeps a worker from claiming the row between reading and replacing its body.
        const rows = await tx<{ id: number; source: string; body: Uint8Array }[]>`
          select id, source, body from inbox
          where source = any(${sourcesOf(target)}) and split_part(lane, '|', 2) = ${target.room}
            and principal = ${principal} and kind = 'message' and state = 'new' and body is not null
          order by id for update`;
        for (const { id, source, body } of rows) {
          const message = change(bodies.openJson(body, inboxSeal(source)) as InboundMessage);
          await tx`update inbox set body = ${bodies.sealJson(message, inboxSeal(source))} where id = ${id}`;
        }
        return rows.length;
      });
    },

    async redact(target) {
      const rows = await sql`
        update inbox set state = 'ignored', reason = 'redacted', body = null
        where state = 'new' and (
          source = any(${sourcesOf(target)}) and split_part(lane, '|', 2) = ${target.room} and kind in ('message', 'control')
          or source = any(${target.users.map((user) => encryptedSource(target.eventId, user))}) and kind = 'encrypted')
        returning 1`;
      return rows.length;
    },

    async senders(eventIds) {
      const rows = await sql<{ remote_id: string; user: string }[]>`
        select remote_id, destination->>'user' as user from outbox
        where remote_id = any(${[...eventIds]}) and destination->>'channel' = 'matrix'`;
      return new Map(rows.map((row) => [row.remote_id, row.user]));
    },

    async questions(eventIds) {
      const rows = await sql<{ id: string; key: string; lane: Lane; to: Destination }[]>`
        select remote_id as id, key, lane, destination as to from outbox
        where remote_id = any(${[...eventIds]}) and destination->>'channel' = 'matrix' and starts_with(key, 'approval:')`;
      return new Map(
        rows.flatMap(({ id, key, lane, to }): [string, AskedQuestion][] => {
          const code = /^approval:([^:]+):(?:operator:)?0$/.exec(key)?.[1];
          if (code === undefined || to.channel !== "matrix") return [];
          return [[id, { code, lane, user: to.user, room: to.room, thread: to.thread }]];
        }),
      );
    },

    async sentAs(key) {
      const [row] = await sql<{ id: string | null }[]>`select remote_id as id from outbox where key = ${key}`;
      return row?.id ?? undefined;
    },

    async membership(inbox) {
      const [row] = await sql<{ source: string; body: Uint8Array | null; received_at: string }[]>`
        select source, body, received_at::text from inbox
        where id = ${inbox} and kind = 'membership' and state in ('new', 'running')`;
      if (!row?.body) return undefined;
      return { body: bodies.openJson(row.body, inboxSeal(row.source)), receivedAt: row.received_at };
    },

    async finishMembership(inbox, state, reason) {
      await sql`update inbox set state = ${state}, reason = ${reason ?? null}
        where id = ${inbox} and kind = 'membership' and state in ('new', 'running')`;
    },
  };
}

const sourcesOf = (target: Target): string[] => target.users.map((user) => eventSource(target.eventId, user));
