/**
 * Bodies of what came in or went out without a run: denials, commands, reports, what tools have sent. No index leads to those of
 * age, so the rows are walked in the order of their ids, and each is read once while a process lives.
 */
import type { Sql } from "../db/client.ts";

/** Rows of one page, and pages of one pass: bounds what a pass costs. */
const pageRows = 1_000;
const mostPages = 20;

/** What a page of rows came to; the ids are null where there is no such row. */
interface Page {
  readonly dropped: number;
  readonly rows: number;
  readonly last: number | null;
  /** The first row that is not of age. */
  readonly young: number | null;
  /** The first row of age that is still at work. */
  readonly open: number | null;
}

type ReadPage = (after: number, before: Date) => Promise<Page | undefined>;

/** Returns what drops, a bounded step at a time, the bodies from before an instant, and says how many. */
export function createRunlessSweep(sql: Sql): (before: Date) => Promise<number> {
  const walks = [inboxPage, outboxPage].map((read) => walk((after, before) => read(sql, after, before)));
  return async (before) => {
    let dropped = 0;
    for (const step of walks) dropped += await step(before);
    return dropped;
  };
}

function walk(read: ReadPage): (before: Date) => Promise<number> {
  let position = 0;
  let open: number | undefined;
  return async (before) => {
    let dropped = 0;
    for (let pages = 0; pages < mostPages; pages++) {
      const page = await read(position, before);
      if (!page?.last) return dropped;
      dropped += page.dropped;
      open ??= page.open ?? undefined;
      position = page.young === null ? page.last : page.young - 1;
      if (page.young === null && page.rows === pageRows) continue;
      // At the end: what was still at work is where the next pass begins.
      if (open !== undefined) position = open - 1;
      open = undefined;
      return dropped;
    }
    return dropped;
  };
}

const inboxPage = async (sql: Sql, after: number, before: Date): Promise<Page | undefined> => {
  const [page] = await sql<Page[]>`
    with page as (
      select id, received_at < ${before} as old, state in ('new', 'running', 'waiting') as open,
        run_id is null and body is not null as "full"
      from inbox where id > ${after} order by id limit ${pageRows}
    ), emptied as (
      update inbox set body = null where id in (select id from page where old and "full" and not open) returning 1
    ) ${summary(sql)}`;
  return page;
};

const outboxPage = async (sql: Sql, after: number, before: Date): Promise<Page | undefined> => {
  const [page] = await sql<Page[]>`
    with page as (
      select id, created_at < ${before} as old, state in ('pending', 'sending') as open,
        run_id is null and octet_length(body) > 0 as "full"
      from outbox where id > ${after} order by id limit ${pageRows}
    ), emptied as (
      update outbox set body = ''::bytea, ciphertext = null
      where id in (select id from page where old and "full" and not open) returning 1
    ) ${summary(sql)}`;
  return page;
};

const summary = (sql: Sql) => sql`
  select (select count(*)::int from emptied) as dropped, count(*)::int as rows, max(id) as last,
    min(id) filter (where not old) as young, min(id) filter (where old and "full" and open) as open
  from page`;
