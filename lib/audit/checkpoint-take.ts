/** Takes checkpoints: what has ended since the last one is stated and signed, in one transaction. */
import type { KeyObject } from "node:crypto";
import type { Sql, TransactionSql } from "../db/client.ts";
import { noHash } from "../ledger/journal-row.ts";
import { type Checkpoint, newestCheckpoint, signed } from "./checkpoint.ts";
import { endAbandoned } from "./checkpoint-abandoned.ts";
import { type Head, headLine, headsHash } from "./heads.ts";

/** Any number, the same for every gateway: two processes never make two. */
const lock = 7_301_006;

/** When a checkpoint is due, and how much goes into one. */
export interface Taking {
  readonly key: KeyObject;
  readonly now: Date;
  /** Since the last one; no less has passed where none is made. */
  readonly everyMinutes: number;
  /** Runs in one checkpoint; what is more goes into the next, which follows at once. */
  readonly most?: number;
}

/** Makes the checkpoints that are due and returns how many that was: none where nothing has ended, or another is at it. */
export async function takeCheckpoints(sql: Sql, { key, now, everyMinutes, most = 20_000 }: Taking): Promise<number> {
  if (!(await isDue(sql, now, everyMinutes))) return 0;
  await endAbandoned(sql, now);
  let taken = 0;
  for (;;) {
    const runs = await sql.begin(async (tx) => {
      const [row] = await tx<{ held: boolean }[]>`select pg_try_advisory_xact_lock(${lock}) as held`;
      if (!row?.held || (taken === 0 && !(await isDue(tx, now, everyMinutes)))) return 0;
      return take(tx, key, now, most);
    });
    if (runs > 0) taken += 1;
    if (runs < most) return taken;
  }
}

async function isDue(sql: Sql | TransactionSql, now: Date, everyMinutes: number): Promise<boolean> {
  const since = new Date(now.getTime() - everyMinutes * 60_000);
  const [row] = await sql<{ due: boolean }[]>`
    select not exists (select 1 from checkpoints where at > ${since})
      and exists (select 1 from runs where checkpoint is null and finished_at is not null) as due`;
  return row?.due === true;
}

/** Only chains with their last entry: nothing can be appended to those. Returns the number of heads. */
async function take(tx: TransactionSql, key: KeyObject, now: Date, most: number): Promise<number> {
  const last: Pick<Checkpoint, "number" | "hash"> = (await newestCheckpoint(tx)) ?? { number: 0, hash: noHash };
  const number = last.number + 1;
  const heads = await tx<Head[]>`
    with ended as (
      select r.id, j.seq + 1 as rows, j.hash
      from runs r cross join lateral (
        select seq, hash, type from journal where run_id = r.id order by seq desc limit 1
      ) j
      where r.checkpoint is null and r.finished_at is not null and j.type = 'run.finished'
        and not exists (select 1 from checkpoint_heads h where h.run_id = r.id)
      order by r.finished_at limit ${most}
    ), kept as (
      insert into checkpoint_heads (run_id, number, rows, hash) select id, ${number}, rows, hash from ended
      returning run_id, rows, hash
    ), marked as (
      update runs set checkpoint = ${number} from kept where runs.id = kept.run_id
    )
    select run_id as "runId", rows, hash from kept order by run_id`;
  if (heads.length === 0) return 0;
  const statement = { number, at: now, runs: heads.length, previousHash: last.hash };
  const {
    at,
    headsHash: heads_hash,
    hash,
    signature,
    publicKey,
  } = signed({ ...statement, headsHash: headsHash(heads.map(headLine)) }, key);
  await tx`
    insert into checkpoints (number, at, runs, heads_hash, previous_hash, hash, signature, public_key)
    values (${number}, ${at}, ${heads.length}, ${heads_hash}, ${last.hash}, ${hash}, ${signature}, ${publicKey})`;
  return heads.length;
}
