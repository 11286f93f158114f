/** Whether a key is the one that a database is sealed with. */
import { publicKeyOf } from "../audit/checkpoint.ts";
import { newestRotation } from "../audit/key-rotation.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { runKeySeal } from "../ledger/runs.ts";
import type { Keyring } from "../seal.ts";

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Throws ClawError `config_invalid` where the database was sealed with another OPENCLAW_KEY. */
export async function checkKey(sql: Sql, keyring: Pick<Keyring, "runKeys" | "checkpointKey">): Promise<void> {
  const [tables] = await sql<{ known: boolean }[]>`select to_regclass('key_rotations') is not null as known`;
  // One that was last used by a version without it has never had another key.
  const rotation = tables?.known ? await newestRotation(sql) : undefined;
  const own = publicKeyOf(keyring.checkpointKey());
  if (rotation && !same(rotation.publicKey, own))
    throw new ClawError(
      "config_invalid",
      same(rotation.retiredKey, own)
        ? `OPENCLAW_KEY is the one from before: on ${rotation.at.toISOString()} \`claw keys rotate\` sealed this database with another key; set OPENCLAW_KEY to that one`
        : anotherKey,
    );
  const [row] = await sql<{ run_id: string; wrapped: Uint8Array }[]>`
    select run_id, wrapped from run_keys where wrapped is not null limit 1`;
  if (!row) return;
  try {
    keyring.runKeys.open(row.wrapped, runKeySeal(row.run_id));
  } catch (cause) {
    throw new ClawError("config_invalid", anotherKey, { cause });
  }
}

const anotherKey =
  "OPENCLAW_KEY is not the key this database was sealed with: set the one it was made with, or use another database";
