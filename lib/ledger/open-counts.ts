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
