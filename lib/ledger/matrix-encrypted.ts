/**
 * Encrypted events waiting to be read: rows of the inbox, of kind `encrypted`. `reason` is null until a try has failed.
 */
import type { Sql, TransactionSql } from "postgres";
import type { EncryptedEvent } from "../matrix/event.ts";
import type { Sealer } from "../seal.ts";
import { inboxSeal } from "./inbox.ts";
import { encryptedLane } from "./matrix-events.ts";

/** One event for one of our users. */
export interface EncryptedRow {
  readonly id: number;
  readonly event: EncryptedEvent;
  /** Root event of the thread. */
  readonly thread: string | undefined;
  /** Why it could not be read last time; undefined: not tried yet. */
  readonly reason: string | undefined;
  /** The room was told. */
  readonly told: boolean;
  /** Milliseconds since it was accepted, by the database's clock. */
  readonly ageMs: number;
}

/** At most so many are read in one transaction. */
export const readBatch = 50;

interface Row {
  id: number;
  source: string;
  body: Uint8Array;
  reason: string | null;
  age_ms: number;
}

/** Events nobody has tried to read yet, oldest first. */
export const freshEncrypted = (sql: Sql, bodies: Sealer, user: string): Promise<EncryptedRow[]> =>
  opened(
    sql,
    bodies,
    sql<Row[]>`
      select id, source, body, reason, (extract(epoch from now() - received_at) * 1000)::float8 as age_ms from inbox
      where lane = ${encryptedLane(user)} and kind = 'encrypted' and state = 'new' and reason is null
      order by id limit ${readBatch}`,
  );

/** Events that could not be read, after the given one, oldest first. */
export const unreadableAfter = (sql: Sql, bodies: Sealer, user: string, id: number): Promise<EncryptedRow[]> =>
  opened(
    sql,
    bodies,
    sql<Row[]>`
      select id, source, body, reason, (extract(epoch from now() - received_at) * 1000)::float8 as age_ms from inbox
      where lane = ${encryptedLane(user)} and kind = 'encrypted' and state = 'new' and reason is not null and id > ${id}
      order by id limit ${readBatch}`,
  );

async function opened(sql: Sql, bodies: Sealer, rows: PromiseLike<Row[]>): Promise<EncryptedRow[]> {
  const events: EncryptedRow[] = [];
  for (const { id, source, body, reason, age_ms } of await rows) {
    try {
      const event = bodies.openJson(body, inboxSeal(source)) as EncryptedEvent;
      events.push({
        id,
        event,
        thread: threadOf(event),
        reason: reason?.replace(toldPrefix, ""),
        told: reason?.startsWith(toldPrefix) === true,
        ageMs: age_ms,
      });
    } catch {
      // Damaged: it must not stand in the way of those behind it.
      await sql`update inbox set state = 'poison', reason = 'cannot be opened' where id = ${id}`;
    }
  }
  return events;
}

const toldPrefix = "told: ";

/** It stays, to be tried again. */
export async function markUnreadable(
  sql: Sql | TransactionSql,
  id: number,
  reason: string,
  told = false,
): Promise<void> {
  await sql`update inbox set reason = ${told ? toldPrefix + reason : reason} where id = ${id} and kind = 'encrypted' and state = 'new'`;
}

/** Where in a Megolm session a message stands. */
export interface MegolmPlace {
  readonly sessionId: string;
  readonly index: number;
}

/** What became of an event that was read. */
export interface EndOfRead {
  /** False: it was taken back meanwhile, by a redaction. */
  readonly open: boolean;
  /** False: another event has its place in the session: the same words were sent twice. */
  readonly first: boolean;
}

/**
 * Ends an event that was read, and takes its place in its session; what it said has a row of its own. `place` undefined: it
 * has none, as a step of a verification that came in the clear. One statement: everybody waits for this commit.
 */
export async function endRead(
  sql: Sql | TransactionSql,
  user: string,
  row: { readonly id: number; readonly eventId: string; readonly place: MegolmPlace | undefined },
): Promise<EndOfRead> {
  const { id, eventId, place } = row;
  const [end] = await sql<EndOfRead[]>`
    with ended as (
      update inbox set state = 'done', reason = null, body = null
      where id = ${id} and kind = 'encrypted' and state = 'new' returning 1
    ), taken as (
      insert into matrix_seen as seen (user_id, session_id, message_index, event_id)
      select ${user}, ${place?.sessionId ?? ""}, ${place?.index ?? 0}::bigint, ${eventId} where ${place !== undefined}
      on conflict (user_id, session_id, message_index) do update set event_id = seen.event_id
      returning event_id
    )
    select exists (select 1 from ended) as open,
      coalesce((select event_id = ${eventId} from taken), true) as first`;
  return end ?? { open: false, first: false };
}

/** It is given up for good, and kept. */
export async function giveUpEncrypted(sql: Sql, id: number, reason: string): Promise<void> {
  await sql`update inbox set state = 'refused', reason = ${reason} where id = ${id} and kind = 'encrypted' and state = 'new'`;
}

function threadOf({ content }: EncryptedEvent): string | undefined {
  const relation = content["m.relates_to"] as { rel_type?: unknown; event_id?: unknown } | undefined;
  return relation?.rel_type === "m.thread" && typeof relation.event_id === "string" ? relation.event_id : undefined;
}
