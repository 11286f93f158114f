import type { MatrixClient } from "./client.ts";

const keepMs = 60_000;
const keepRooms = 2_000;

/** How many have joined a room, asked of the homeserver and remembered for a minute. */
export interface MemberCounts {
  /** Undefined where the homeserver could not be asked. */
  of(user: string, room: string): Promise<number | undefined>;
  /** Somebody came or went: asks again next time. */
  changed(room: string): void;
}

/** Membership pushes of a room (`changed`) keep it right at once; the minute bounds what another replica was told. */
export function createMemberCounts(
  client: Pick<MatrixClient, "joinedMembers">,
  clock: () => number = Date.now,
): MemberCounts {
  const known = new Map<string, { readonly count: Promise<number | undefined>; readonly until: number }>();
  return {
    of(user, room) {
      const entry = known.get(room);
      if (entry && clock() < entry.until) return entry.count;
      const count = client.joinedMembers(user, room).then(
        (members) => members.length,
        () => {
          if (known.get(room)?.count === count) known.delete(room);
          return undefined;
        },
      );
      known.delete(room);
      known.set(room, { count, until: clock() + keepMs });
      if (known.size > keepRooms) for (const oldest of [...known.keys()].slice(0, keepRooms / 10)) known.delete(oldest);
      return count;
    },
    changed(room) {
      known.delete(room);
    },
  };
}
