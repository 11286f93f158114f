/**
 * Seals a whole database with another OPENCLAW_KEY, in one transaction: whatever ends it, all of it is sealed with the old key or all
 * with the new one. Nobody else uses the database meanwhile.
 */
import { publicKeyOf } from "../audit/checkpoint.ts";
import { newestRotation, noteRotation } from "../audit/key-rotation.ts";
import { checkpoint } from "../checkpoint.ts";
import type { Sql, TransactionSql } from "../db/client.ts";
import { takeAlone } from "../db/gateway-lock.ts";
import { ClawError } from "../errors.ts";
import { loadStore } from "../ledger/matrix-store.ts";
import { checkKey } from "./check-key.ts";
import { resealColumn, type Resealing } from "./reseal-column.ts";
import { sealedColumns } from "./sealed.ts";

/** How a key is changed. */
export interface KeyChange extends Resealing {
  readonly now: Date;
  /** Goes on where the old key does not open a value, which nobody will open any more then; else that ends it. */
  readonly leaveDamaged: boolean;
}

/** What was sealed anew. */
export interface ChangedKey {
  readonly values: number;
  /** Agents whose crypto stores were encrypted anew. */
  readonly stores: number;
  readonly damaged: readonly string[];
  /** 32 bytes: what signatures of checkpoints are held against from now on. */
  readonly publicKey: Uint8Array;
}

/** At most so many are named. */
const shown = 10;

/** `sql` has one connection, and is ended afterwards. Throws ClawError where nothing was changed. */
export async function rotateKey(sql: Sql, change: KeyChange): Promise<ChangedKey> {
  const { from, to, dryRun } = change;
  await takeAlone(sql);
  const publicKey = publicKeyOf(to.checkpointKey());
  if (Buffer.compare((await newestRotation(sql))?.publicKey ?? new Uint8Array(), publicKey) === 0)
    throw new ClawError("bad_request", "the database is sealed with that key already: set OPENCLAW_KEY to it");
  await checkKey(sql, from);
  const done = await sql.begin(async (tx) => {
    const sealed = await resealAll(tx, change);
    if (!dryRun) await noteRotation(tx, from.checkpointKey(), to.checkpointKey(), change.now);
    return sealed;
  });
  checkpoint("keys.rotated");
  return { ...done, publicKey };
}

async function resealAll(tx: TransactionSql, change: KeyChange): Promise<Omit<ChangedKey, "publicKey">> {
  // Nothing may be added behind it; reading goes on.
  const tables = [...sealedColumns.map(({ table }) => table), "matrix_crypto"];
  await tx`lock table ${tx.unsafe(tables.join(", "))} in share row exclusive mode`;
  const damaged: string[] = [];
  let values = 0;
  for (const sealed of sealedColumns) {
    const column = await resealColumn(tx, sealed, change);
    values += column.values;
    damaged.push(...column.damaged);
    change.tell(`  ${sealed.table}: ${column.values}`);
  }
  if (damaged.length > 0 && !change.leaveDamaged)
    throw new ClawError(
      "environment",
      `the old key does not open ${damaged.length} of them; nothing was changed. They can be read by nobody as it is: --leave-damaged goes on without them\n${damaged.slice(0, shown).join("\n")}`,
    );
  const stores = await rekeyStores(tx, change);
  return { values, stores, damaged };
}

async function rekeyStores(tx: TransactionSql, { from, to, dryRun, tell }: KeyChange): Promise<number> {
  const devices = await tx<{ user: string; deviceId: string }[]>`
    select user_id as user, device_id as "deviceId" from matrix_devices where store_schema is not null order by user_id`;
  if (devices.length === 0) return 0;
  const { rekeyStore } = await import("../matrix/crypto/rekey.ts");
  for (const device of devices) {
    const { user } = device;
    const content = await loadStore(tx, user);
    if (!content) continue;
    const { records } = await rekeyStore(device, content, { from: from.matrixStore(user), to: to.matrixStore(user) });
    if (!dryRun)
      await tx`
        update matrix_crypto kept set value = fresh.value
        from jsonb_to_recordset(${tx.json(records as never)}) as fresh (database text, store text, key text, value text)
        where kept.user_id = ${user} and kept.database = fresh.database and kept.store = fresh.store and kept.key = fresh.key`;
    tell(`  matrix_crypto: ${records.length} of ${user}`);
    checkpoint("keys.resealed");
  }
  return devices.length;
}
