import type { Sql } from "../db/client.ts";

/** How much is open in the ledgers, for health and metrics. */
export interface OpenCounts {
  readonly inbox: number;
  readonly running: number;
  readonly outbox: number;
  readonly unknown: number;
  /** Attempts at jobs. */
  readonly jobs: number;
  /** Age of the oldest message that waits for nothing but a worker, in whole seconds; 0 where there is none. */
  readonly oldestSeconds: number;
}

/** The outbox of one channel, as far as it is not sent. */
export interface OpenOutbox {
  readonly channel: string;
  readonly pending: number;
  readonly sending: number;
  /** Nobody knows whether they were sent. */
  readonly unknown: number;
  /** Age of the oldest that is still to be sent; 0 where none is. */
  readonly oldestSeconds: number;
}

/** Each channel that has something open. */
export async function openOutbox(sql: Sql): Promise<OpenOutbox[]> {
  return sql<OpenOutbox[]>`
    select destination->>'channel' as channel, count(*) filter (where state = 'pending') as pending,
      count(*) filter (where state = 'sending') as sending, count(*) filter (where state = 'unknown') as unknown,
      coalesce(extract(epoch from now() - min(created_at) filter (where state <> 'unknown')), 0)::float8 as "oldestSeconds"
    from (
      select destination, state, created_at from outbox where state in ('pending', 'sending') union all
      select destination, state, created_at from outbox where state = 'unknown'
    ) open group by 1`;
}

export async function openCounts(sql: Sql): Promise<OpenCounts> {
  const [row] = await sql<OpenCounts[]>`
    select
      (select count(*)::int from inbox where state = 'new' and kind <> 'encrypted') as inbox,
      (select count(*)::int from runs where state = 'running') as running,
      (select count(*)::int from outbox where state in ('pending', 'sending')) as outbox,
      (select count(*)::int from outbox where state = 'unknown') as unknown,
      (select count(*)::int from job_slots where state in ('new', 'running', 'delivering')) as jobs,
      (select coalesce(extract(epoch from now() - min(received_at)), 0)::int from inbox i
        where state = 'new' and kind <> 'encrypted' and not exists (select 1 from runs r where (r.lane = i.lane or r.principal = i.principal) and r.state = 'running' and r.trigger <> 'replay')) as "oldestSeconds"`;
  if (!row) throw new Error("select without from returned no row");
  return row;
}
