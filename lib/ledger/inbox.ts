import type { Sql, TransactionSql } from "postgres";
import { checkpoint } from "../checkpoint.ts";
import type { ChannelName, InboundMessage, Lane, Principal } from "../channel/types.ts";
import type { Sealer } from "../seal.ts";
import { GroupCommit } from "./group-commit.ts";

/** One thing a channel pushed. `new` entries are to be worked on; the others are recorded with their reason and left. */
export interface InboxEntry {
  /** Unique for ever, made from the channel's own id: what is pushed again is dropped here. */
  readonly source: string;
  readonly channel: ChannelName;
  readonly lane: Lane;
  readonly principal?: Principal;
  /**
   * `message` is worked on in its lane's order (the row itself is the work to be done: whoever commits it wakes the lane,
   * and recovery finds it otherwise); `control` at once, past the lane (task control: /stop, /status, /help …);
   * `membership` by the Matrix channel (task matrix-membership); `encrypted` by whoever holds the agent's keys, who turns it
   * into one of the others; `other` is only recorded.
   */
  readonly kind: "message" | "control" | "membership" | "encrypted" | "other";
  readonly state: "new" | "ignored" | "denied" | "refused" | "poison";
  readonly reason?: string;
  /** Sealed on the way in. For `membership`, the channel's own JSON. */
  readonly body?: InboundMessage | object;
}

/** The ledger of what came in. */
export interface Inbox {
  /**
   * Commits entries, and the queue jobs of control and membership entries, in one SQL transaction; resolves after it.
   * Returns the sources that were new. Throws when nothing could be committed: the push must then not be acknowledged.
   */
  accept(entries: readonly InboxEntry[]): Promise<ReadonlySet<string>>;
}

/** The inbox for those who commit more than entries. */
export interface TransactionalInbox extends Inbox {
  /** The same as part of the caller's transaction; call `announce` after it was committed. */
  acceptWithin(tx: TransactionSql, entries: readonly InboxEntry[]): Promise<ReadonlySet<string>>;
  /** Wakes those who work on what was accepted. `accept` does so by itself. */
  announce(entries: readonly InboxEntry[], accepted: ReadonlySet<string>): void;
}

/** Entries per statement: bounds the size of one commit. */
const maxBatch = 256;

/** `announce` hears of what was accepted, after its commit. */
export function createInbox(
  sql: Sql,
  bodies: Sealer,
  announce: TransactionalInbox["announce"] = () => {},
): TransactionalInbox {
  const commits = new GroupCommit<InboxEntry, string>(maxBatch, (entries) => insert(sql, bodies, entries));
  return {
    async accept(entries) {
      if (entries.length === 0) return new Set();
      const accepted = new Set(await commits.add(entries));
      checkpoint("inbox.committed");
      announce(entries, accepted);
      return accepted;
    },
    acceptWithin: async (tx, entries) => new Set(entries.length === 0 ? [] : await insert(tx, bodies, entries)),
    announce,
  };
}

/** The associated data of a sealed inbox body. */
export const inboxSeal = (source: string): string => `inbox:${source}`;

/**
 * One statement, so one transaction and one round trip. Only rows that were really inserted get a job, so a repeated push
 * costs nothing. A message gets none: `add_jobs` and its notification cost more than all the rest of the path to the 200
 * (measured, docs/decisions), and the row says all that a job would.
 */
async function insert(sql: Sql | TransactionSql, bodies: Sealer, entries: readonly InboxEntry[]): Promise<string[]> {
  const rows = entries.map((entry) => ({
    source: entry.source,
    channel: entry.channel,
    lane: entry.lane,
    principal: entry.principal ?? null,
    kind: entry.kind,
    state: entry.state,
    reason: entry.reason ?? null,
    body: entry.body ? Buffer.from(bodies.sealJson(entry.body, inboxSeal(entry.source))).toString("base64") : null,
  }));
  const insertRows = sql`
    insert into inbox (source, channel, lane, principal, kind, state, reason, body)
    select source, channel, lane, principal, kind, state, reason, decode(body, 'base64')
    from jsonb_to_recordset(${sql.json(rows)}) as row
      (source text, channel text, lane text, principal text, kind text, state text, reason text, body text)
    on conflict (source) do nothing`;
  const inserted = entries.some(needsJob)
    ? await sql<{ source: string }[]>`
        with inserted as (${insertRows} returning id, source, kind, state), specs as (
          select row(case kind when 'membership' then 'matrix-membership' else kind end, json_build_object('inbox', id),
            null, null, 25, kind || ':' || id, 0, null)::graphile_worker.job_spec as spec
          from inserted where kind in ('membership', 'control') and state = 'new'
        ), queued as (
          select count(*) as jobs from (select array_agg(spec) as all_specs from specs having count(*) > 0) as batch,
            graphile_worker.add_jobs(batch.all_specs)
        )
        select source from inserted where (select jobs from queued) >= 0`
    : await sql<{ source: string }[]>`${insertRows} returning source`;
  return inserted.map(({ source }) => source);
}

const needsJob = ({ kind, state }: InboxEntry): boolean =>
  state === "new" && (kind === "membership" || kind === "control");
