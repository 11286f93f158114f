import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemberCounts } from "../../../lib/matrix/members.ts";
import { ops, owner, put, said, seat, testFunction } from "./support.ts";

test("20 direct chats' messages cost one time-out of a homeserver that does not answer, and the next ones none", async () => {
  const rooms = Array.from({ length: 20 }, (_, index) => `!direct${index}:home.example`);
  const silence = Promise.withResolvers<never>();
  const asked: string[] = [];
  const counts = createMemberCounts({
    joinedMembers: (_user, room) => {
      // Only when all have been asked: one after the other would never end.
      if (asked.push(room) === rooms.length) silence.reject(new Error("timed out"));
      return silence.promise;
    },
  });
  const { app, inbox } = testFunction({
    seats: Object.fromEntries(rooms.map((room) => [room, [seat(ops, { direct: true, inviter: owner })]])),
    counts,
  });
  const each = (): object[] => rooms.map((room) => said("hello", { room_id: room }));
  await put(app, [...each(), ...each()]);
  await put(app, each());
  assert.deepEqual(asked, rooms);
  assert.deepEqual([inbox.entries.size, new Set(inbox.all().map(({ state }) => state))], [60, new Set(["new"])]);
});
