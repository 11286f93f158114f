/** What is to be said, and what became of it. See drizzle/schema/outbox.ts for the states. */
import type { Destination, Lane, OutboundMessage } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import type { Sealer } from "../seal.ts";

/** A message to be sent. `key` is unique for ever: a second entry of the same key is dropped. */
export interface OutboxEntry extends OutboundMessage {
  readonly lane: Lane;
}

/** A message claimed for sending. */
export interface ClaimedMessage extends OutboundMessage {
  readonly id: number;
  readonly attempts: number;
  /** Milliseconds since it was written. */
  readonly ageMs: number;
  /** Made by an earlier attempt, for an encrypted room. */
  readonly ciphertext?: string | undefined;
}

interface ClaimedRow {
  readonly id: number;
  readonly key: string;
  readonly destination: Destination;
  readonly body: Uint8Array;
  readonly attempts: number;
  readonly ageMs: number;
  readonly ciphertext: string | null;
}

/** The associated data of an entry's body. */
export const outboxSeal = (key: string): string => `outbox:${key}`;

/** An entry as it travels to PostgreSQL in a JSON parameter. */
export function outboxRow(bodies: Sealer, { key, lane, destination, body }: OutboxEntry): object {
  return { key, lane, destination, body: Buffer.from(bodies.sealJson(body, outboxSeal(key))).toString("base64") };
}

/** The ledger of what goes out. */
export interface Outbox {
  /** Writes messages that belong to no run (command replies, denials) and wakes a deliverer. */
  add(entries: readonly OutboxEntry[]): Promise<void>;
  /** Takes the lane's oldest open message, if it is due and nobody is sending it; one that cannot be opened is given up. */
  claim(lane: Lane, worker: string): Promise<ClaimedMessage | undefined>;
  /** Returns whether the lane has more to be sent. */
  sent(id: number, lane: Lane, remoteId: string): Promise<boolean>;
  /** Gives a message back, to be tried again after `afterMs`. */
  postpone(id: number, lane: Lane, afterMs: number, reason: string): Promise<void>;
  /** Gives a message back that only another process can send; the attempt does not count. */
  release(id: number): Promise<void>;
  /** Ends a message that was not, or perhaps not, delivered. */
  giveUp(id: number, state: "unknown" | "failed", reason: string): Promise<void>;
}

/** Keys of what was ever to be said that begin so. */
export async function outboxKeys(sql: Sql, prefix: string): Promise<string[]> {
  const rows = await sql<{ key: string }[]>`select key from outbox where starts_with(key, ${prefix})`;
  return rows.map(({ key }) => key);
}

/** Something that was to be said, and where it stands. */
export interface SaidMessage extends OutboxEntry {
  /** The channel's own id; undefined while it is not sent. */
  readonly remoteId: string | undefined;
}

/** What was to be said under these keys; what cannot be opened any more is left out. */
export async function saidUnder(sql: Sql, bodies: Sealer, keys: readonly string[]): Promise<SaidMessage[]> {
  const rows = await sql<(Omit<SaidMessage, "body" | "remoteId"> & { body: Uint8Array; remoteId: string | null })[]>`
    select key, lane, destination, body, remote_id as "remoteId" from outbox where key = any(${[...keys]}) order by id`;
  return rows.flatMap(({ body, remoteId, ...row }) => {
    try {
      return [{ ...row, body: bodies.openJson(body, outboxSeal(row.key)), remoteId: remoteId ?? undefined }];
    } catch {
      return [];
    }
  });
}

/** A part of a run's message, and what became of it. */
export interface RunPart {
  readonly key: string;
  readonly lane: Lane;
  readonly destination: Destination;
  readonly state: "pending" | "sending" | "sent" | "unknown" | "failed";
  readonly reason: string | null;
  /** Whether nothing keeps it from being sent now. */
  readonly due: boolean;
}

/** What a run has said under keys that begin with its id; its questions have others. */
export const partsOfRun = (sql: Sql, runId: string): Promise<RunPart[]> =>
  sql<RunPart[]>`
    select key, lane, destination, state, reason, not_before <= now() as due from outbox
    where run_id = ${runId} and starts_with(key, ${`${runId}:`}) order by id`;

export function createOutbox(sql: Sql, bodies: Sealer): Outbox {
  const giveUp: Outbox["giveUp"] = async (id, state, reason) => {
    await sql`update outbox set state = ${state}, reason = ${reason} where id = ${id}`;
  };
  return {
    async add(entries) {
      const rows = entries.map((entry) => outboxRow(bodies, entry));
      await sql`
        with said as (
          insert into outbox (key, lane, destination, body)
          select key, lane, destination, decode(body, 'base64')
          from jsonb_to_recordset(${sql.json(rows as never)}) as row (key text, lane text, destination jsonb, body text)
          on conflict (key) do nothing returning lane
        )
        select graphile_worker.add_job('deliver', json_build_object('lane', lane), job_key := 'deliver:' || lane)
        from (select distinct lane from said) as lanes`;
    },

    // Only the head of the lane may be claimed, so that parts of an answer arrive in order; `sending` at the head means
    // that its sender will come back for the next one.
    async claim(lane, worker) {
      for (;;) {
        const [row] = await sql<ClaimedRow[]>`
          update outbox set state = 'sending', worker = ${worker}, attempts = attempts + 1
          where id = (select id from outbox where lane = ${lane} and state in ('pending', 'sending') order by id limit 1)
            and state = 'pending' and not_before <= now()
          returning id, key, destination, body, attempts, ciphertext, (extract(epoch from now() - created_at) * 1000)::float8 as "ageMs"`;
        if (!row) return undefined;
        try {
          return {
            ...row,
            ciphertext: row.ciphertext ?? undefined,
            body: bodies.openJson(row.body, outboxSeal(row.key)),
          };
        } catch {
          // Damaged: it must not stand in the way of those behind it.
          await giveUp(row.id, "failed", "cannot be opened");
        }
      }
    },

    // A sweep may have called it unknown meanwhile, taking this worker for dead: what is known now wins.
    async sent(id, lane, remoteId) {
      const [row] = await sql<{ more: boolean }[]>`
        with done as (
          update outbox set state = 'sent', remote_id = ${remoteId}, reason = null, sent_at = now() where id = ${id}
        )
        select exists (select 1 from outbox where lane = ${lane} and state = 'pending' and id <> ${id}) as more`;
      return row?.more ?? false;
    },

    async postpone(id, lane, afterMs, reason) {
      await sql`
        with postponed as (
          update outbox set state = 'pending', worker = null, reason = ${reason},
            not_before = now() + ${afterMs}::int * interval '1 millisecond'
          where id = ${id} and state = 'sending' returning not_before
        )
        select graphile_worker.add_job('deliver', json_build_object('lane', ${lane}::text), run_at := not_before,
          job_key := 'deliver:' || ${lane}::text) from postponed`;
    },

    async release(id) {
      await sql`update outbox set state = 'pending', worker = null, attempts = attempts - 1
        where id = ${id} and state = 'sending'`;
    },

    giveUp,
  };
}
