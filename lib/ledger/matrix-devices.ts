/** Agents' devices: which one each has, and who holds it. See drizzle/schema/matrix.ts. */
import type { Sql } from "postgres";

/** What a new holder finds. */
export interface TakenDevice {
  readonly deviceId: string;
  /** Of this holder: one more than the last one's. */
  readonly epoch: number;
  readonly syncToken: string | undefined;
  /** Whether there is no crypto store yet. */
  readonly isNew: boolean;
}

/** A device as an operator or a health check sees it. */
export interface DeviceStatus {
  readonly user: string;
  readonly deviceId: string;
  readonly holder: string | undefined;
  readonly ed25519: string | undefined;
  readonly masterKey: string | undefined;
  readonly oneTimeKeys: number | undefined;
  /** Seconds since the last pull that was committed; a quiet one is committed once a minute. */
  readonly pulledSecondsAgo: number | undefined;
  readonly trouble: string | undefined;
  /** Encrypted messages that could not be read yet. */
  readonly unreadable: number;
}

/** Begins a new holder's time; whatever an earlier one still writes is refused from here on. */
export async function takeDevice(sql: Sql, user: string, holder: string, firstDeviceId: string): Promise<TakenDevice> {
  const [row] = await sql<{ device_id: string; epoch: number; sync_token: string | null; is_new: boolean }[]>`
    insert into matrix_devices as device (user_id, device_id, epoch, holder, trouble)
    values (${user}, ${firstDeviceId}, 1, ${holder}, 'starting')
    on conflict (user_id) do update set epoch = device.epoch + 1, holder = excluded.holder, trouble = excluded.trouble
    returning device_id, epoch, sync_token, store_schema is null as is_new`;
  if (!row) throw new Error("an upsert returned no row");
  return { deviceId: row.device_id, epoch: row.epoch, syncToken: row.sync_token ?? undefined, isNew: row.is_new };
}

/** Gives an agent without a crypto store another device. */
export async function renameDevice(sql: Sql, user: string, epoch: number, deviceId: string): Promise<void> {
  await sql`
    update matrix_devices set device_id = ${deviceId}, sync_token = null, ed25519 = null
    where user_id = ${user} and epoch = ${epoch} and store_schema is null`;
}

/**
 * Drops an agent's device and crypto store; its identity is kept unless `identity`, and an empty one says that a backup
 * elsewhere is not wanted either. The holder notices by the epoch.
 */
export async function resetDevice(sql: Sql, user: string, deviceId: string, identity: boolean): Promise<boolean> {
  return sql.begin(async (tx) => {
    const rows = await tx`
      update matrix_devices set epoch = epoch + 1, device_id = ${deviceId}, sync_token = null, store_schema = null,
        ed25519 = null, identity = case when ${identity} then ''::bytea else identity end,
        master_key = case when ${identity} then null else master_key end
      where user_id = ${user} returning 1`;
    await tx`delete from matrix_crypto where user_id = ${user}`;
    return rows.length > 0;
  });
}

/** What keeps the agent from working, or undefined. */
export async function setTrouble(sql: Sql, user: string, epoch: number, trouble: string | undefined): Promise<void> {
  await sql`update matrix_devices set trouble = ${trouble ?? null} where user_id = ${user} and epoch = ${epoch}`;
}

/** What a holder looks for every second. */
export interface Pulse {
  /** Of the last holder: another one than its own ends its time. */
  readonly epoch: number;
  /** Whether something waits to be read that was not tried yet. */
  readonly waiting: boolean;
}

/** The pulses of these users' devices. */
export async function devicePulses(sql: Sql, users: readonly string[]): Promise<ReadonlyMap<string, Pulse>> {
  if (users.length === 0) return new Map();
  const rows = await sql<(Pulse & { user_id: string })[]>`
    select user_id, epoch, exists (select 1 from inbox where lane = 'matrix-encrypted:' || user_id and kind = 'encrypted'
      and state = 'new' and reason is null) as waiting
    from matrix_devices where user_id = any(${[...users]})`;
  return new Map(rows.map(({ user_id, ...pulse }) => [user_id, pulse]));
}

/** Ids by user, remembered for a moment: they change only when an agent gets a new device. */
export function createDeviceIds(sql: Sql, otherwise: string, keepMs = 5_000) {
  const known = new Map<string, { readonly id: string; readonly until: number }>();
  return {
    async of(user: string): Promise<string> {
      const entry = known.get(user);
      if (entry && entry.until > performance.now()) return entry.id;
      const [row] = await sql<{ device_id: string }[]>`select device_id from matrix_devices where user_id = ${user}`;
      const id = row?.device_id ?? otherwise;
      known.set(user, { id, until: performance.now() + keepMs });
      return id;
    },
    forget(user: string): void {
      known.delete(user);
    },
  };
}

/** All devices there are, of these users alone where they are named. */
export async function deviceStatuses(sql: Sql, users: readonly string[]): Promise<ReadonlyMap<string, DeviceStatus>> {
  const rows = await sql<
    {
      user_id: string;
      device_id: string;
      holder: string | null;
      ed25519: string | null;
      master_key: string | null;
      one_time_keys: number | null;
      pulled: number | null;
      trouble: string | null;
      unreadable: number;
    }[]
  >`
    select user_id, device_id, holder, ed25519, master_key, one_time_keys, trouble,
      extract(epoch from now() - pulled_at)::float8 as pulled,
      (select count(*)::int from inbox where lane = 'matrix-encrypted:' || user_id and kind = 'encrypted'
        and state = 'new' and reason is not null) as unreadable
    from matrix_devices where user_id = any(${[...users]})`;
  return new Map(
    rows.map((row) => [
      row.user_id,
      {
        user: row.user_id,
        deviceId: row.device_id,
        holder: row.holder ?? undefined,
        ed25519: row.ed25519 ?? undefined,
        masterKey: row.master_key ?? undefined,
        oneTimeKeys: row.one_time_keys ?? undefined,
        pulledSecondsAgo: row.pulled ?? undefined,
        trouble: row.trouble ?? undefined,
        unreadable: row.unreadable,
      },
    ]),
  );
}
