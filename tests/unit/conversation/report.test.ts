import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Channel } from "../../../lib/channel/types.ts";
import { createReport, type Notice } from "../../../lib/conversation/report.ts";
import type { MatrixRooms, RoomOfUser } from "../../../lib/ledger/matrix-rooms.ts";
import type { OutboxEntry } from "../../../lib/ledger/outbox.ts";
import { load } from "../config/support.ts";
import { memoryLog } from "../matrix/support.ts";
import { household } from "../policy/support.ts";

const [ops, helper] = ["@agent_ops:home.example", "@agent_helper:home.example"];

type Seated = { user: string; room: string } & Partial<RoomOfUser>;

/** Tells an operator something, with agents in rooms; returns what was written, and the log. */
async function told(
  t: TestContext,
  operator: string | undefined,
  seats: readonly Seated[] = [],
  notice: Partial<Notice> = {},
  add: (entries: readonly OutboxEntry[]) => Promise<void> = async () => {},
): Promise<{ entries: OutboxEntry[]; logged: string }> {
  const config = load(t, `${operator === undefined ? "" : `operator = "${operator}"\n`}${household}`);
  const all = seats.map((seat): RoomOfUser => ({
    membership: "join",
    direct: false,
    inviter: undefined,
    encrypted: true,
    ...seat,
  }));
  const rooms: Pick<MatrixRooms, "joined" | "of"> = {
    joined: async ([room]) =>
      new Map([[room ?? "", all.filter((seat) => seat.room === room && seat.membership === "join")]]),
    of: async (user) => all.filter((seat) => seat.user === user),
  };
  const channel = { render: (text: string) => [text] } as unknown as Channel;
  const entries: OutboxEntry[] = [];
  const { log, text } = memoryLog();
  const report = createReport({
    config: () => config,
    rooms,
    channels: { matrix: channel, telegram: channel },
    outbox: {
      add: async (given: readonly OutboxEntry[]) => {
        await add(given);
        entries.push(...given);
      },
    } as never,
    log,
  });
  await report({ key: "k", text: "Trouble.", ...notice });
  return { entries, logged: text() };
}

const lanes = ({ entries }: { entries: OutboxEntry[] }): string[] => entries.map(({ lane }) => lane);

test("in a Matrix room the first agent of the config that is there speaks", async (t) => {
  const room = "!ops:home.example";
  const both = await told(t, `matrix:${room}`, [
    { user: helper, room },
    { user: ops, room },
  ]);
  assert.deepEqual(both.entries, [
    {
      key: "report:k:0",
      lane: `matrix:${ops}|${room}`,
      destination: { channel: "matrix", user: ops, room },
      body: "Trouble.",
    },
  ]);
  const one = await told(t, `matrix:${room}`, [
    { user: ops, room, membership: "leave" },
    { user: helper, room },
  ]);
  assert.deepEqual(lanes(one), [`matrix:${helper}|${room}`]);
});

test("a room that was upgraded is the one that took its place", async (t) => {
  const seats = [{ user: ops, room: "!new:home.example", origin: "!ops:home.example" }];
  assert.deepEqual(lanes(await told(t, "matrix:!ops:home.example", seats)), [`matrix:${ops}|!new:home.example`]);
});

test("a person on Matrix is told in a direct chat that they began with an agent", async (t) => {
  const me = "@me:home.example";
  const seats = [
    { user: ops, room: "!kid:home.example", direct: true, inviter: "@kid:home.example" },
    { user: ops, room: "!left:home.example", direct: true, inviter: me, membership: "leave" as const },
    { user: helper, room: "!room:home.example", direct: false, inviter: me },
    { user: helper, room: "!mine:home.example", direct: true, inviter: me },
  ];
  assert.deepEqual(lanes(await told(t, `matrix:${me}`, seats)), [`matrix:${helper}|!mine:home.example`]);
});

test("on Telegram the first bot speaks, to a person or a group", async (t) => {
  assert.deepEqual(lanes(await told(t, "telegram:-1001")), ["telegram:home:-1001"]);
  const [entry] = (await told(t, "telegram:123456789")).entries;
  assert.deepEqual(entry?.destination, { channel: "telegram", bot: "home", chat: 123456789 });
});

test("what goes wrong in the operator's own lane is not told there", async (t) => {
  assert.deepEqual(lanes(await told(t, "telegram:-1001", [], { about: "telegram:home:-1001" })), []);
  assert.deepEqual(lanes(await told(t, "telegram:-1001", [], { about: "telegram:home:-1002" })), [
    "telegram:home:-1001",
  ]);
});

test("an operator that cannot be reached is in the log, and nothing throws", async (t) => {
  const nowhere = await told(t, "matrix:!ops:home.example");
  assert.deepEqual(nowhere.entries, []);
  assert.match(nowhere.logged, /the operator cannot be told: no agent or bot is there/);
  const failing = await told(t, "telegram:-1001", [], {}, () => Promise.reject(new Error("the database is away")));
  assert.match(failing.logged, /the operator could not be told/);
  const none = await told(t, undefined);
  assert.deepEqual([none.entries, none.logged], [[], ""]);
});
