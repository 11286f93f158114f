/** Who people are by their keys: the identity first seen for each, or the one the operator trusts instead. */
import type { Sql, TransactionSql } from "postgres";

/** What is known of a person's keys; public keys in unpadded base64. */
export interface KnownIdentity {
  readonly user: string;
  /** Undefined: no cross-signing identity was ever seen. */
  readonly masterKey: string | undefined;
  /** By emoji, not merely seen first. */
  readonly verified: boolean;
  /** Ed25519 keys of devices without a cross-signature that the operator trusts. */
  readonly trustedDevices: readonly string[];
  /** What was refused last. */
  readonly seen: { readonly masterKey: string | undefined; readonly device: SeenDevice | undefined };
}

/** A device by its id and its Ed25519 key. */
export interface SeenDevice {
  readonly id: string;
  readonly ed25519: string;
}

interface Row {
  user_id: string;
  master_key: string | null;
  verified: boolean;
  trusted_devices: string[];
  seen_master_key: string | null;
  seen_device: string | null;
  seen_device_key: string | null;
}

/** What is known of these users; of one never met there is nothing. */
export async function knownIdentities(
  sql: Sql | TransactionSql,
  users?: readonly string[],
): Promise<ReadonlyMap<string, KnownIdentity>> {
  const rows = await sql<Row[]>`
    select user_id, master_key, verified, trusted_devices, seen_master_key, seen_device, seen_device_key
    from matrix_identities ${users ? sql`where user_id = any(${[...users]})` : sql``} order by user_id`;
  return new Map(rows.map((row) => [row.user_id, identityOf(row)]));
}

/** Takes the identity as the person's own unless another was seen before. */
export async function pinIdentity(sql: Sql | TransactionSql, user: string, masterKey: string): Promise<void> {
  await sql`
    insert into matrix_identities (user_id, master_key) values (${user}, ${masterKey})
    on conflict (user_id) do update set master_key = excluded.master_key, pinned_at = now()
    where matrix_identities.master_key is null`;
}

/** Remembers what was refused, for `claw matrix trust`. */
export async function noteRefused(sql: Sql | TransactionSql, user: string, seen: KnownIdentity["seen"]): Promise<void> {
  const { masterKey = null, device } = seen;
  await sql`
    insert into matrix_identities (user_id, seen_master_key, seen_device, seen_device_key, seen_at)
    values (${user}, ${masterKey}, ${device?.id ?? null}, ${device?.ed25519 ?? null}, now())
    on conflict (user_id) do update set
      seen_master_key = coalesce(excluded.seen_master_key, matrix_identities.seen_master_key),
      seen_device = coalesce(excluded.seen_device, matrix_identities.seen_device),
      seen_device_key = coalesce(excluded.seen_device_key, matrix_identities.seen_device_key),
      seen_at = excluded.seen_at`;
}

/** The identity is the person's own from now on, whatever was seen before. */
export async function trustIdentity(
  sql: Sql | TransactionSql,
  user: string,
  masterKey: string,
  verified: boolean,
): Promise<void> {
  await sql`
    insert into matrix_identities (user_id, master_key, verified) values (${user}, ${masterKey}, ${verified})
    on conflict (user_id) do update set master_key = excluded.master_key, pinned_at = now(), seen_master_key = null,
      verified = excluded.verified or (matrix_identities.verified and matrix_identities.master_key = excluded.master_key)`;
}

/** The device is believed from now on, though its owner has not signed it. */
export async function trustDevice(sql: Sql, user: string, ed25519: string): Promise<void> {
  await sql`
    update matrix_identities set seen_device = null, seen_device_key = null,
      trusted_devices = array_append(array_remove(trusted_devices, ${ed25519}), ${ed25519})
    where user_id = ${user}`;
}

const identityOf = (row: Row): KnownIdentity => ({
  user: row.user_id,
  masterKey: row.master_key ?? undefined,
  verified: row.verified,
  trustedDevices: row.trusted_devices,
  seen: {
    masterKey: row.seen_master_key ?? undefined,
    device:
      row.seen_device !== null && row.seen_device_key !== null
        ? { id: row.seen_device, ed25519: row.seen_device_key }
        : undefined,
  },
});
