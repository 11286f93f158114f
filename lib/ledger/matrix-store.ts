/**
 * The agents' crypto stores, and the fence around them: nothing is written for a holder that is no longer the last one.
 */
import type { Sql, TransactionSql } from "postgres";
import { ClawError } from "../errors.ts";

/** One record of a crypto store: an IndexedDB key and value as text. */
export interface StoreRecord {
  readonly database: string;
  readonly store: string;
  readonly key: string;
  readonly value: string;
}

/** What a piece of work changed. */
export interface StoreChanges {
  readonly puts: readonly StoreRecord[];
  readonly deletes: readonly Omit<StoreRecord, "value">[];
}

/** The object stores of each database and their indexes, by the database's name. */
export type StoreSchema = Readonly<Record<string, DatabaseSchema>>;

/** One database. */
export interface DatabaseSchema {
  readonly version: number;
  readonly stores: readonly {
    readonly name: string;
    readonly keyPath: string | string[] | null;
    readonly autoIncrement: boolean;
    readonly indexes: readonly {
      readonly name: string;
      readonly keyPath: string | string[];
      readonly unique: boolean;
      readonly multiEntry: boolean;
    }[];
  }[];
}

/** Everything of one agent. */
export interface StoreContent {
  readonly schema: StoreSchema;
  readonly records: readonly StoreRecord[];
}

/** Who writes: an agent's user, and which holder of it. */
export interface Fence {
  readonly user: string;
  readonly epoch: number;
}

/** Another process holds the agent by now. */
export class FencedError extends ClawError {
  constructor({ user, epoch }: Fence) {
    super("ledger_conflict", `${user}: another gateway holds this agent by now (epoch ${epoch} is over)`);
    this.name = "FencedError";
  }
}

/** The store as it was last committed; undefined where there is none yet. */
export async function loadStore(sql: Sql | TransactionSql, user: string): Promise<StoreContent | undefined> {
  const [device] = await sql<{ store_schema: StoreSchema | null }[]>`
    select store_schema from matrix_devices where user_id = ${user}`;
  if (!device?.store_schema) return undefined;
  const records = await sql<StoreRecord[]>`
    select database, store, key, value from matrix_crypto where user_id = ${user}`;
  return { schema: device.store_schema, records };
}

/**
 * Commits what changed, in one statement. The device's row is read `for share`: whoever takes the agent over updates that
 * row, so either waits for this commit or makes it find an epoch that is over. Throws FencedError.
 */
export async function commitStore(
  sql: Sql | TransactionSql,
  fence: Fence,
  { puts, deletes }: StoreChanges,
  schema?: StoreSchema,
): Promise<void> {
  const { user, epoch } = fence;
  if (puts.length === 0 && deletes.length === 0 && !schema) return holdFence(sql, fence);
  const [row] = await sql<{ held: boolean }[]>`
    with fence as materialized (
      select user_id from matrix_devices where user_id = ${user} and epoch = ${epoch} for share
    ), puts as (
      insert into matrix_crypto (user_id, database, store, key, value)
      select user_id, database, store, key, value
      from fence, jsonb_to_recordset(${sql.json(puts as never)}) as put (database text, store text, key text, value text)
      on conflict (user_id, database, store, key) do update set value = excluded.value
    ), deletes as (
      delete from matrix_crypto kept
      using fence, jsonb_to_recordset(${sql.json(deletes)}) as gone (database text, store text, key text)
      where kept.user_id = fence.user_id and kept.database = gone.database and kept.store = gone.store and kept.key = gone.key
    )
    select exists (select 1 from fence) as held`;
  if (!row?.held) throw new FencedError(fence);
  if (schema)
    await sql`
      update matrix_devices set store_schema = ${sql.json(schema as never)} where user_id = ${user} and epoch = ${epoch}`;
}

/** For work that changed nothing of the store but commits something else. */
async function holdFence(sql: Sql | TransactionSql, fence: Fence): Promise<void> {
  const rows = await sql`
    select 1 from matrix_devices where user_id = ${fence.user} and epoch = ${fence.epoch} for share`;
  if (rows.length === 0) throw new FencedError(fence);
}
