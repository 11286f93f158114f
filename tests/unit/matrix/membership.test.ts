import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { createMatrixMembershipTask } from "../../../functions/tasks/matrix-membership.ts";
import { createInbox } from "../../../lib/ledger/inbox.ts";
import { createMatrixEvents, eventSource } from "../../../lib/ledger/matrix-events.ts";
import { createMatrixRooms, type MatrixRooms } from "../../../lib/ledger/matrix-rooms.ts";
import { createMatrixClient, type MatrixClient } from "../../../lib/matrix/client.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { helper, kid, memoryLog, ops, owner, stranger, testConfig } from "./support.ts";

let database: TestDatabase;
let homeserver: StandInHomeserver;
let rooms: MatrixRooms;
let client: MatrixClient;
let run: (payload: { inbox: number }) => Promise<void>;
let config = testConfig();
const forgotten: string[] = [];
const { log } = memoryLog();
const bodies = createKeyring(newKey()).bodies;

before(async () => {
  [database, homeserver] = await Promise.all([createTestDatabase(), startHomeserver()]);
  for (const user of [ops, helper]) homeserver.addAgent(user);
  config = configWith({});
  rooms = createMatrixRooms(database.sql);
  client = createMatrixClient(() => config);
  run = createMatrixMembershipTask({
    config: () => config,
    rooms,
    client,
    events: createMatrixEvents(database.sql, bodies),
    crypto: { forget: (user, room) => void forgotten.push(`${user} ${room}`) },
    log,
  });
});
after(async () => {
  await homeserver.close();
  await database.drop();
});
afterEach(() => {
  homeserver.clearFaults();
  config = configWith({});
});

const configWith = (opsMore: object) =>
  testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken, ops: opsMore });

let count = 0;

/** Puts a membership push into the inbox, as ingest does, and returns the task's payload. */
async function push(facts: {
  room: string;
  user?: string;
  sender?: string;
  membership?: string;
  isDirect?: boolean;
}): Promise<{ inbox: number }> {
  const eventId = `$membership${(count += 1)}`;
  const body = { user: ops, sender: owner, membership: "invite", isDirect: false, eventId, ...facts };
  const source = eventSource(eventId, body.user);
  const basis = { source, channel: "matrix", lane: "matrix:membership", kind: "membership", state: "new" } as const;
  await createInbox(database.sql, bodies).accept([{ ...basis, body }]);
  const [row] = await database.sql<{ id: number }[]>`select id from inbox where source = ${source}`;
  return { inbox: row?.id ?? 0 };
}

const stateOf = async ({ inbox }: { inbox: number }): Promise<(string | null)[]> => {
  const [row] = await database.sql<{ state: string; reason: string | null }[]>`
    select state, reason from inbox where id = ${inbox}`;
  return [row?.state ?? null, row?.reason ?? null];
};
const known = async (room: string, user = ops) => (await rooms.of(user)).find((seat) => seat.room === room);

/** A room of its owner with the invite on the homeserver, not pushed. */
function invited(by = owner, others: readonly string[] = [], encrypted = false, user = ops): string {
  const room = homeserver.createRoom({ members: [by, ...others], encrypted });
  void homeserver.invite(room, user, by);
  return room;
}

describe("an invite", () => {
  test("to a room of the config is accepted, whoever it is from", async () => {
    const room = invited(stranger);
    config = configWith({ rooms: [room] });
    const payload = await push({ room, sender: stranger });
    await run(payload);
    assert.equal(homeserver.membership(room, ops), "join");
    assert.deepEqual(await stateOf(payload), ["done", null]);
    assert.deepEqual(await known(room), {
      user: ops,
      room,
      membership: "join",
      direct: false,
      inviter: stranger,
      origin: undefined,
      encrypted: false,
    });
  });

  test("to a direct chat from somebody who may use the agent is accepted", async () => {
    const room = invited();
    await run(await push({ room, isDirect: true }));
    assert.equal(homeserver.membership(room, ops), "join");
    const seat = await known(room);
    assert.deepEqual([seat?.direct, seat?.inviter], [true, owner]);
    assert.ok((await client.accountData(ops, "m.direct"))?.[owner]?.toString().includes(room));
  });

  for (const [name, sender, isDirect, opsMore] of [
    ["from a stranger to a direct chat", stranger, true, {}],
    ["CVE-2026-28471: from another homeserver's namesake", "@me:evil.example", true, {}],
    ["from somebody whose group names another agent", kid, true, {}],
    ["from an allowed person to a room that is no direct chat", owner, false, {}],
    ["to a direct chat where config wants none", owner, true, { direct: false }],
  ] as const)
    test(`is declined: ${name}`, async () => {
      const room = invited(sender);
      config = configWith(opsMore);
      const payload = await push({ room, sender, isDirect });
      await run(payload);
      assert.equal(homeserver.membership(room, ops), "leave");
      assert.equal((await stateOf(payload))[0], "refused");
      assert.equal((await known(room))?.membership, "leave");
      assert.equal((await rooms.joined([room])).size, 0);
    });

  test("said to be a direct chat but with others in it is left again", async () => {
    const room = invited(owner, [kid, stranger]);
    const payload = await push({ room, isDirect: true });
    await run(payload);
    assert.equal(homeserver.membership(room, ops), "leave");
    assert.equal((await known(room))?.membership, "leave");
    assert.equal((await stateOf(payload))[0], "refused");
  });

  test("of a user that is no agent any more is declined", async () => {
    const gone = "@agent_gone:home.example";
    homeserver.addAgent(gone);
    const room = invited(owner, [], false, gone);
    await run(await push({ room, user: gone, isDirect: true }));
    assert.equal(homeserver.membership(room, gone), "leave");
  });

  test("marks the room as joined before it joins, so that no message is missed", async () => {
    const room = invited();
    let before: unknown;
    const watching = createMatrixMembershipTask({
      config: () => config,
      rooms,
      client: {
        ...client,
        join: async (...rest) => {
          before = (await rooms.joined([room])).get(room)?.length;
          return client.join(...rest);
        },
      },
      events: createMatrixEvents(database.sql, bodies),
      crypto: { forget: () => {} },
      log,
    });
    await watching(await push({ room, isDirect: true }));
    assert.equal(before, 1);
  });

  test("that was taken back leaves no mark", async () => {
    const room = homeserver.createRoom({ members: [owner] });
    const payload = await push({ room, isDirect: true });
    await run(payload);
    assert.equal((await known(room))?.membership, "leave");
    assert.deepEqual(await stateOf(payload), ["refused", "the join was refused"]);
  });

  test("is tried again when the homeserver has trouble, and repeating it changes nothing", async () => {
    const room = invited();
    const payload = await push({ room, isDirect: true });
    for (const path of [/joined_rooms/, /\/join$/, /joined_members/, /m\.room\.encryption/]) {
      homeserver.fail({ path, times: 1, answer: { status: 500, body: {} } });
      await assert.rejects(run(payload));
      assert.equal((await stateOf(payload))[0], "new");
    }
    await run(payload);
    await run(payload);
    assert.deepEqual([homeserver.membership(room, ops), (await stateOf(payload))[0]], ["join", "done"]);
    assert.equal((await known(room))?.direct, true);
  });

  test("to an encrypted room is accepted, and the room known as such", async () => {
    const room = invited(owner, [], true);
    await run(await push({ room, isDirect: true }));
    assert.equal((await known(room))?.encrypted, true);
  });
});

describe("other memberships", () => {
  test("a kick is recorded", async () => {
    const room = homeserver.createRoom({ members: [owner, ops] });
    await run(await push({ room, membership: "join", sender: ops }));
    assert.equal((await known(room))?.membership, "join");
    void homeserver.setState(room, owner, "m.room.member", ops, { membership: "ban" });
    await run(await push({ room, membership: "ban" }));
    assert.equal((await known(room))?.membership, "ban");
  });

  test("pushes worked on in the wrong order end with what is true", async () => {
    const room = homeserver.createRoom({ members: [owner, ops] });
    const joined = await push({ room, membership: "join", sender: ops });
    void homeserver.setState(room, owner, "m.room.member", ops, { membership: "leave" });
    const left = await push({ room, membership: "leave" });
    await run(left);
    await run(joined);
    assert.equal((await known(room))?.membership, "leave");
  });
});

describe("what is known of rooms", () => {
  test("an older membership does not win over a newer one", async () => {
    const at = await rooms.now();
    assert.equal(await rooms.set(ops, "!order", "leave"), true);
    assert.equal(await rooms.set(ops, "!order", "join", { at }), false);
    assert.equal((await known("!order"))?.membership, "leave");
  });

  test("the moment of a push is kept to the microsecond", async () => {
    const at = await rooms.now();
    await rooms.set(ops, "!micro", "join", { at });
    const [row] = await database.sql<{ same: boolean }[]>`
      select updated_at = ${at}::text::timestamptz as same from matrix_rooms where room_id = '!micro'`;
    assert.equal(row?.same, true);
  });

  test("encryption is on for everybody in the room, for who comes later too, and never off again", async () => {
    await rooms.set(ops, "!enc", "join");
    assert.equal(await rooms.encrypted("!enc"), false);
    await rooms.markEncrypted("!enc");
    await rooms.set(ops, "!enc", "leave");
    await rooms.set(ops, "!enc", "join", { direct: true, inviter: owner });
    await rooms.set(helper, "!enc", "join");
    const seats = (await rooms.joined(["!enc", "!nowhere"])).get("!enc");
    assert.deepEqual(
      seats?.map((seat) => [seat.user, seat.encrypted]),
      [
        [helper, true],
        [ops, true],
      ],
    );
    assert.equal(await rooms.encrypted("!enc"), true);
  });
});
