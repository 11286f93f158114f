import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { matrixLane } from "../../lib/ledger/matrix-events.ts";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({ owner: { rotateEvery: 1 } });
});
after(() => on.stop());

/** The room's replacement, as a server makes one. */
async function upgrade(from: string, to: string, predecessor: string | undefined): Promise<void> {
  const { homeserver } = on;
  homeserver.createRoom({ id: to, members: [matrixOwner], encrypted: true });
  const create = { room_version: "12", ...(predecessor !== undefined && { predecessor: { room_id: predecessor } }) };
  await homeserver.setState(to, matrixOwner, "m.room.create", "", create);
  await homeserver.setState(from, matrixOwner, "m.room.tombstone", "", { body: "moved", replacement_room: to });
  // Element invites everybody once it is done.
  await homeserver.invite(to, matrixAgent, matrixOwner);
}
const seat = async (room: string) => {
  const [row] = await on.stage.gateway.sql<{ membership: string; origin: string | null; encrypted: boolean }[]>`
    select membership, origin, encrypted from matrix_rooms where room_id = ${room}`;
  return row;
};

describe("a room that is upgraded", () => {
  test("is followed, and its rights hold in the new one, twice over", async () => {
    const room = await on.room();
    const [next, last] = ["!next:home.example", "!last:home.example"];
    await upgrade(room, next, room);
    await until(
      () => seat(next),
      (row) => row?.membership === "join" && row.origin === room && row.encrypted,
    );
    await on.owner.say(next, "do you hear me here?");
    await on.answer(next, "You said: do you hear me here?");
    await upgrade(next, last, next);
    await until(
      () => seat(last),
      (row) => row?.origin === room,
    );
    await on.owner.say(last, "and here?");
    await on.answer(last, "You said: and here?");
  });

  test("is not followed into a room that does not name it as its predecessor", async () => {
    const room = await on.room();
    const elsewhere = "!elsewhere:home.example";
    await upgrade(room, elsewhere, "!another:home.example");
    // Of the tombstone or of the invite, whichever is worked on when it may enter.
    await until(
      () => on.stage.gateway.sql`
        select 1 from inbox where kind = 'membership' and state = 'refused'
          and reason = 'the replacement does not name this room as its predecessor'`,
      (rows) => rows.length > 0,
    );
    await until(async () => on.homeserver.membership(elsewhere, matrixAgent) === "leave");
    assert.equal(on.homeserver.membership(elsewhere, matrixAgent), "leave");
    assert.notEqual((await seat(elsewhere))?.membership, "join");
  });
});

test("a knock is nothing to anybody", async () => {
  const room = await on.room();
  const failed = on.homeserver.failedPushes;
  await on.homeserver.setState(room, "@eve:home.example", "m.room.member", "@eve:home.example", {
    membership: "knock",
  });
  await on.homeserver.setState("!room30:home.example", matrixAgent, "m.room.member", matrixAgent, {
    membership: "knock",
  });
  await on.owner.say(room, "who knocks?");
  await on.answer(room, "You said: who knocks?");
  assert.equal(on.homeserver.failedPushes, failed);
  assert.equal(on.homeserver.membership(room, "@eve:home.example"), "knock");
});

test("a kick makes the agent forget the room's keys with forget_keys, those of other rooms stay, and it comes back", async () => {
  const sessions = async (): Promise<number> => {
    const [row] = await on.stage.gateway.sql<{ count: number }[]>`
      select count(*)::int as count from matrix_crypto where store in ('inbound_group_sessions3', 'outbound_group_sessions')`;
    return row?.count ?? 0;
  };
  on.reconfigure("forget_keys = true");
  const kept = await on.room();
  await on.owner.say(kept, "before");
  await on.answer(kept, "You said: before");
  const before = await sessions();
  const room = await on.room();
  for (const text of ["one", "two"]) {
    await on.owner.say(room, text);
    await on.answer(room, `You said: ${text}`);
  }
  assert.ok((await sessions()) >= before + 4);
  const epoch = async (): Promise<number> => {
    const [row] = await on.stage.gateway.sql<{ epoch: number }[]>`select epoch from matrix_devices`;
    return Number(row?.epoch);
  };
  const held = await epoch();
  await on.homeserver.setState(room, matrixOwner, "m.room.member", matrixAgent, { membership: "leave" });
  await until(sessions, (count) => count === before);
  await until(epoch, (now) => now > held);
  await on.health(({ ok }) => ok);

  await on.owner.say(kept, "after");
  await on.answer(kept, "You said: after");
  await on.homeserver.invite(room, matrixAgent, matrixOwner);
  await until(
    () => seat(room),
    (row) => row?.membership === "join",
  );
  await on.owner.say(room, "welcome back");
  const answer = await on.answer(room, "You said: welcome back");
  assert.equal(answer.room_id, room);
  on.reconfigure("");
});

test("an agent that was kicked says nothing more there, and is not red for it", async () => {
  const room = await on.room();
  const [asked, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  on.stage.model.setScript(async () => {
    asked.resolve();
    await proceed.promise;
    return { text: "too late" };
  });
  await on.owner.say(room, "wait for it");
  await asked.promise;
  await on.homeserver.setState(room, matrixOwner, "m.room.member", matrixAgent, { membership: "leave" });
  proceed.resolve();
  const lane = matrixLane(matrixAgent, room);
  await until(
    () => on.stage.gateway.sql<{ state: string }[]>`select state from outbox where lane = ${lane}`,
    ([row]) => row?.state === "failed",
  );
  assert.deepEqual(on.homeserver.sent(room), []);
  await on.health(({ ok }) => ok);
});
