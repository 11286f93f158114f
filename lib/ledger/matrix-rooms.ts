import type { Sql } from "postgres";

/** One of our users as joined in a room. */
export interface Seat {
  /** Full user id. */
  readonly user: string;
  /** Joined by the inviter's right, not by config. */
  readonly direct: boolean;
  readonly inviter: string | undefined;
  /** The room of the config that this one replaced, by however many upgrades. */
  readonly origin?: string | undefined;
  readonly encrypted: boolean;
}

/** What stands for `origin` in the room of `claw matrix selftest`: no room of a config. */
export const selftestOrigin = "selftest";

/** A room of one of our users. */
export interface RoomOfUser extends Seat {
  readonly room: string;
  readonly membership: RoomMembership;
}

/** A user's standing in a room. */
export type RoomMembership = "invite" | "join" | "leave" | "ban" | "knock";

/** What is known with a membership. */
export interface MembershipDetails {
  /** When it was true: a Postgres timestamp, from `now` or a row's `received_at`. Without it: now. */
  readonly at?: string;
  /** Left out: stays as it is. */
  readonly direct?: boolean;
  readonly inviter?: string;
  readonly origin?: string;
}

/** Which of our users is in which room. */
export interface MatrixRooms {
  /** Our joined users by room; rooms without any are absent. */
  joined(rooms: readonly string[]): Promise<ReadonlyMap<string, readonly Seat[]>>;
  /** Stores a membership unless a newer one is stored; returns whether it was stored. */
  set(user: string, room: string, membership: RoomMembership, details?: MembershipDetails): Promise<boolean>;
  /** Turns the room's encrypted flag on, for all our users in it; nothing turns it off. */
  markEncrypted(room: string): Promise<void>;
  /** Whether the room is known to be encrypted. */
  encrypted(room: string): Promise<boolean>;
  /** All rooms a user has or had to do with. */
  of(user: string): Promise<RoomOfUser[]>;
  /** The database's clock, as `at` wants it. */
  now(): Promise<string>;
}

/** Over the table matrix_rooms. */
export function createMatrixRooms(sql: Sql): MatrixRooms {
  return {
    async joined(rooms) {
      const rows = await sql<Row[]>`
        select user_id, room_id, membership, direct, inviter, origin, encrypted from matrix_rooms
        where room_id = any(${[...rooms]}) and membership = 'join' order by user_id`;
      const seats = new Map<string, Seat[]>();
      for (const row of rows) {
        const others = seats.get(row.room_id);
        if (others) others.push(seatOf(row));
        else seats.set(row.room_id, [seatOf(row)]);
      }
      return seats;
    },

    /**
     * Memberships do not arrive in order: tasks run side by side and are repeated after a crash, so an old join may come
     * after a leave. `updated_at` is therefore not when the row was written but when the membership was true (the
     * database's clock: the push's `received_at`, or the moment before the homeserver was asked), and only what is at
     * least as new wins. A user new to a room known as encrypted inherits the flag.
     */
    async set(user, room, membership, { at, direct, inviter, origin } = {}) {
      const rows = await sql`
        insert into matrix_rooms as stored (user_id, room_id, membership, direct, inviter, origin, encrypted, updated_at)
        values (${user}, ${room}, ${membership}, ${direct ?? false}, ${inviter ?? null}, ${origin ?? null},
          exists (select 1 from matrix_rooms where room_id = ${room} and encrypted),
          coalesce(${at ?? null}::text::timestamptz, clock_timestamp()))
        on conflict (user_id, room_id) do update set
          membership = excluded.membership,
          direct = coalesce(${direct ?? null}, stored.direct),
          inviter = coalesce(excluded.inviter, stored.inviter),
          origin = coalesce(excluded.origin, stored.origin),
          encrypted = stored.encrypted or excluded.encrypted,
          updated_at = excluded.updated_at
        where stored.updated_at <= excluded.updated_at
        returning 1`;
      return rows.length > 0;
    },

    async markEncrypted(room) {
      await sql`update matrix_rooms set encrypted = true where room_id = ${room} and not encrypted`;
    },

    async encrypted(room) {
      const [row] = await sql<{ encrypted: boolean }[]>`
        select exists (select 1 from matrix_rooms where room_id = ${room} and encrypted) as encrypted`;
      return row?.encrypted === true;
    },

    async of(user) {
      const rows = await sql<Row[]>`
        select user_id, room_id, membership, direct, inviter, origin, encrypted from matrix_rooms
        where user_id = ${user} order by room_id`;
      return rows.map((row) => ({ ...seatOf(row), room: row.room_id, membership: row.membership }));
    },

    async now() {
      const [row] = await sql<{ now: string }[]>`select clock_timestamp()::text as now`;
      return row?.now ?? "";
    },
  };
}

interface Row {
  user_id: string;
  room_id: string;
  membership: RoomMembership;
  direct: boolean;
  inviter: string | null;
  origin: string | null;
  encrypted: boolean;
}

const seatOf = (row: Row): Seat => ({
  user: row.user_id,
  direct: row.direct,
  inviter: row.inviter ?? undefined,
  origin: row.origin ?? undefined,
  encrypted: row.encrypted,
});
