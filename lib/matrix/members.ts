import type { MatrixClient } from "./client.ts";

const keepMs = 60_000;
/** A homeserver that does not answer would otherwise hold each push for a time-out. */
const keepFailureMs = 5_000;
const keepRooms = 2_000;

/** How many have joined a room, asked of the homeserver and remembered for a minute, a failure for seconds. */
export interface MemberCounts {
  /** Undefined where the homeserver could not be asked. */
  of(user: string, room: string): Promise<number | undefined>;
  /** Somebody came or went: asks again next time. */
  changed(room: string): void;
}

interface Known {
  readonly count: Promise<number | undefined>;
  until: number;
}

/** Membership pushes of a room (`changed`) keep it right at once; the minute bounds what another replica was told. */
export function createMemberCounts(
  client: Pick<MatrixClient, "joinedMembers">,
  clock: () => number = Date.now,
): MemberCounts {
  const known = new Map<string, Known>();
  return {
    of(user, room) {
      const entry = known.get(room);
      if (entry && clock() < entry.until) return entry.count;
      const count = client.joinedMembers(user, room).then(
        (members) => members.length,
        () => {
          asked.until = clock() + keepFailureMs;
          return undefined;
        },
      );
      const asked: Known = { count, until: clock() + keepMs };
      known.delete(room);
      known.set(room, asked);
      if (known.size > keepRooms) for (const oldest of [...known.keys()].slice(0, keepRooms / 10)) known.delete(oldest);
      return count;
    },
    changed(room) {
      known.delete(room);
    },
  };
}
