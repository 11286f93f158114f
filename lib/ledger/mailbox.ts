/** A lane's open messages, in the order they came. */
import type { InboundMessage, Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import type { Sealer } from "../seal.ts";
import type { Conversation } from "./conversations.ts";
import { inboxSeal } from "./inbox.ts";

/** A message that is still to be answered. */
export interface OpenMessage {
  readonly id: number;
  /** The run it already belongs to: one that was interrupted. */
  readonly runId: string | undefined;
  readonly message: InboundMessage;
  /** See InboxRevision. */
  readonly revision: string;
  /** Milliseconds since it was accepted, by the database's clock. */
  readonly ageMs: number;
}

interface OpenRow {
  readonly id: number;
  readonly source: string;
  readonly run_id: string | null;
  readonly body: Uint8Array;
  readonly revision: string;
  readonly age_ms: number;
}

const revision = (sql: Sql, table: ReturnType<Sql>) =>
  sql`${table}.xmin::text as revision, (extract(epoch from now() - ${table}.received_at) * 1000)::float8 as age_ms`;

const opened = (bodies: Sealer, row: OpenRow): OpenMessage => ({
  id: row.id,
  runId: row.run_id ?? undefined,
  message: bodies.openJson(row.body, inboxSeal(row.source)) as InboundMessage,
  revision: row.revision,
  ageMs: row.age_ms,
});

/** At most this many messages are read at once; as many may mean that there are more. */
export const burst = 50;

/** What is open in a lane, and the conversation that is active there, if anybody ever spoke in it. */
export interface Mailbox {
  readonly open: readonly OpenMessage[];
  /** Rows whose body cannot be opened: damaged, since the key was checked at the start. */
  readonly unreadable: readonly { readonly id: number; readonly runId: string | undefined }[];
  readonly active: Conversation | undefined;
}

export async function readMailbox(sql: Sql, bodies: Sealer, lane: Lane): Promise<Mailbox> {
  const rows = await sql<(OpenRow & { conversation: string | null; agent: string | null })[]>`
    select i.id, i.source, i.run_id, i.body, ${revision(sql, sql`i`)}, c.id as conversation, c.agent
    from inbox i left join conversations c on c.lane = i.lane and c.active
    where i.lane = ${lane} and i.kind = 'message' and i.state in ('new', 'running') and i.body is not null
    order by i.id limit ${burst}`;
  const [first] = rows;
  const open: OpenMessage[] = [];
  const unreadable: { id: number; runId: string | undefined }[] = [];
  for (const row of rows) {
    try {
      open.push(opened(bodies, row));
    } catch {
      unreadable.push({ id: row.id, runId: row.run_id ?? undefined });
    }
  }
  return {
    open,
    unreadable,
    active: first?.conversation && first.agent ? { id: first.conversation, agent: first.agent } : undefined,
  };
}

/** A control message (such as /stop) by its id, unless it was dealt with already. */
export async function controlMessage(
  sql: Sql,
  bodies: Sealer,
  id: number,
): Promise<(OpenMessage & { lane: Lane }) | "unreadable" | undefined> {
  const [row] = await sql<(OpenRow & { lane: Lane })[]>`
    select id, source, lane, run_id, body, ${revision(sql, sql`inbox`)} from inbox where id = ${id} and kind = 'control' and state = 'new' and body is not null`;
  if (!row) return undefined;
  try {
    return { ...opened(bodies, row), lane: row.lane };
  } catch {
    return "unreadable";
  }
}

/** Ends messages that got no run. */
export async function endMessages(
  sql: Sql,
  ids: readonly number[],
  state: "done" | "denied" | "ignored" | "refused" | "poison",
  reason: string,
): Promise<void> {
  await sql`update inbox set state = ${state}, reason = ${reason} where id = any(${ids as number[]}::bigint[])`;
}

/** Drops what is still waiting in a lane before a /stop. */
export async function dropWaiting(sql: Sql, lane: Lane, before: number): Promise<number> {
  const dropped = await sql`
    update inbox set state = 'ignored', reason = 'stopped' where lane = ${lane} and kind = 'message' and state = 'new' and id < ${before}`;
  return dropped.count;
}
