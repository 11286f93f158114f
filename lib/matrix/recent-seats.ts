import type { MatrixRooms, Seat } from "../ledger/matrix-rooms.ts";

interface Known {
  readonly until: number;
  readonly seats: readonly Seat[];
}

/**
 * Remembers for a moment who of ours sits in a room, so that a burst of transactions asks once. What is said about a room
 * here is heard at once, in another process after `keepMs`; that a room has none of ours is never remembered, since a
 * message missed would be lost, and one too many is only refused later.
 */
export function recentSeats(rooms: MatrixRooms, keepMs = 2_000): MatrixRooms {
  const known = new Map<string, Known>();
  return {
    ...rooms,
    async joined(asked) {
      const now = performance.now();
      const found = new Map<string, readonly Seat[]>();
      for (const room of asked) {
        const entry = known.get(room);
        if (entry && entry.until > now) found.set(room, entry.seats);
        else known.delete(room);
      }
      const missing = asked.filter((room) => !found.has(room));
      if (missing.length === 0) return found;
      for (const [room, seats] of await rooms.joined(missing)) {
        found.set(room, seats);
        known.set(room, { until: now + keepMs, seats });
      }
      return found;
    },
    async set(user, room, membership, details) {
      const stored = await rooms.set(user, room, membership, details);
      known.delete(room);
      return stored;
    },
    async markEncrypted(room) {
      await rooms.markEncrypted(room);
      known.delete(room);
    },
  };
}
