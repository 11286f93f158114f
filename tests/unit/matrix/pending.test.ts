import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { InboundMessage } from "../../../lib/channel/types.ts";
import { createMatrixFunction } from "../../../functions/matrix.ts";
import { createInbox, inboxSeal } from "../../../lib/ledger/inbox.ts";
import { createMatrixEvents, eventSource } from "../../../lib/ledger/matrix-events.ts";
import { createMatrixRooms } from "../../../lib/ledger/matrix-rooms.ts";
import { createMatrixTransactions } from "../../../lib/ledger/matrix-transactions.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { until } from "../../support/until.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { helper, kid, memoryLog, ops, opsRoom, put, said, stranger, testConfig } from "./support.ts";

let database: TestDatabase;
let app: ReturnType<typeof createMatrixFunction>;
const bodies = createKeyring(newKey()).bodies;
const config = testConfig({ helper: { rooms: [opsRoom] } });

before(async () => {
  database = await createTestDatabase();
  const rooms = createMatrixRooms(database.sql);
  await rooms.set(ops, opsRoom, "join");
  await rooms.set(helper, opsRoom, "join");
  app = createMatrixFunction({
    config: () => config,
    inbox: createInbox(database.sql, bodies),
    rooms,
    events: createMatrixEvents(database.sql, bodies),
    transactions: createMatrixTransactions(database.sql),
    members: { of: async () => 3, changed: () => {} },
    settled: () => true,
    tell: () => {},
    wake: () => {},
    log: memoryLog().log,
  });
});
after(() => database.drop());

interface Row {
  state: string;
  reason: string | null;
  body: Uint8Array | null;
}
const rowOf = async (source: string): Promise<Row | undefined> =>
  (await database.sql<Row[]>`select state, reason, body from inbox where source = ${source}`)[0];
const textOf = async (eventId: string, user = ops): Promise<string | undefined> => {
  const source = eventSource(eventId, user);
  const body = (await rowOf(source))?.body;
  return body ? (bodies.openJson(body, inboxSeal(source)) as InboundMessage).text : undefined;
};
const edit = (target: string, text: string, more: Record<string, unknown> = {}): object =>
  said(`* ${text}`, more, {
    "m.relates_to": { rel_type: "m.replace", event_id: target },
    "m.new_content": { msgtype: "m.text", body: text },
  });
const redaction = (target: string, more: Record<string, unknown> = {}): object =>
  said("", { type: "m.room.redaction", redacts: target, content: {}, ...more });

describe("a pending message", () => {
  test("takes the words of its edit, for every agent it went to", async () => {
    await put(app, [said("Ops, agent_helper: teh", { event_id: "$e1" })]);
    await put(app, [edit("$e1", "the", { event_id: "$e1edit" })]);
    assert.deepEqual([await textOf("$e1"), await textOf("$e1", helper)], ["the", "the"]);
    assert.equal((await rowOf("matrix:$e1edit#edit"))?.reason, "edit applied");
  });

  test("is edited to what the new words would have been at first: without the agent's name, as a command", async () => {
    const messageOf = async (eventId: string): Promise<InboundMessage> => {
      const source = eventSource(eventId, ops);
      return bodies.openJson((await rowOf(source))?.body ?? new Uint8Array(), inboxSeal(source)) as InboundMessage;
    };
    await put(app, [said("Ops: newly", { event_id: "$n1" })]);
    await put(app, [edit("$n1", `> <${stranger}> quoted\n\nOps: !new now`)]);
    const { text, command } = await messageOf("$n1");
    assert.deepEqual([text, command], ["!new now", { name: "new", argument: "now" }]);
    await put(app, [edit("$n1", "Ops: !stop")]);
    assert.deepEqual([(await messageOf("$n1")).text, (await messageOf("$n1")).command], ["!stop", undefined]);
    // In the transaction that holds the message too.
    await put(app, [said("Ops: newly", { event_id: "$n2" }), edit("$n2", "@ops !new")]);
    assert.deepEqual((await messageOf("$n2")).command, { name: "new", argument: "" });
    await put(app, [said("Ops: hello", { event_id: "$n3" }), edit("$n3", "agent_helper: hello")]);
    assert.equal((await messageOf("$n3")).text, "agent_helper: hello");
  });

  test("is not edited by anybody else, from another room, or once a run has begun", async () => {
    await put(app, [said("Ops: mine", { event_id: "$e2" })]);
    await put(app, [edit("$e2", "kid", { sender: kid }), edit("$e2", "eve", { sender: stranger })]);
    await put(app, [edit("$e2", "elsewhere", { room_id: "!other:home.example" })]);
    assert.equal(await textOf("$e2"), "mine");
    await database.sql`update inbox set state = 'running' where source = ${eventSource("$e2", ops)}`;
    await put(app, [edit("$e2", "late", { event_id: "$e2late" })]);
    assert.equal(await textOf("$e2"), "mine");
    assert.equal((await rowOf("matrix:$e2late#edit"))?.reason, "edit of nothing pending");
  });

  test("is dropped with its body by a redaction of its room", async () => {
    await put(app, [said("Ops: secret", { event_id: "$r1" }), said("Ops: !status", { event_id: "$r2" })]);
    await put(app, [redaction("$r1", { room_id: "!other:home.example" })]);
    assert.equal((await rowOf(eventSource("$r1", ops)))?.state, "new");
    await put(app, [redaction("$r1"), redaction("$r2")]);
    for (const id of ["$r1", "$r2"]) {
      const row = await rowOf(eventSource(id, ops));
      assert.deepEqual([row?.state, row?.reason, row?.body], ["ignored", "redacted", null]);
    }
  });

  test("that a run has begun on is left as it is", async () => {
    await put(app, [said("Ops: begun", { event_id: "$r3" })]);
    await database.sql`update inbox set state = 'done' where source = ${eventSource("$r3", ops)}`;
    await put(app, [redaction("$r3", { event_id: "$r3gone" })]);
    assert.equal((await rowOf(eventSource("$r3", ops)))?.state, "done");
    assert.equal((await rowOf("matrix:$r3gone#redaction"))?.reason, "redaction of nothing pending");
  });
});

describe("a push on a real database", () => {
  test("poison of every kind in the middle loses nothing and never fails the rest", async () => {
    const events = [
      said("Ops: first", { event_id: "$p1" }),
      said("x", { event_id: "$nul\u0000" }),
      said("x", { event_id: "$\ud800" }),
      said("x", { sender: "@\u0000:home.example" }),
      said("x", { room_id: "!\ud800:x" }),
      { deep: "HERE" },
      said("Ops: NUL \u0000 and \ud800 in a body", { event_id: "$p2" }),
      said(
        "Ops: odd relations",
        { event_id: "$p3" },
        { "m.relates_to": { rel_type: "m.thread", event_id: "$\u0000", "m.in_reply_to": { event_id: "\ud800" } } },
      ),
      said("Ops: last", { event_id: "$p4" }),
    ];
    const body = JSON.stringify({ events }).replace('"HERE"', "[".repeat(20_000) + "]".repeat(20_000));
    assert.equal((await put(app, [], { body })).status, 200);
    for (const id of ["$p1", "$p2", "$p3", "$p4"]) assert.equal((await rowOf(eventSource(id, ops)))?.state, "new");
    const [row] = await database.sql<{ count: number }[]>`select count(*) from inbox where state = 'poison'`;
    assert.equal(row?.count, 5);
  });

  test("pushed five times at once and again, it is one entry and one recorded transaction", async () => {
    const events = [said("Ops: once", { event_id: "$five" })];
    await Promise.all([1, 2, 3, 4, 5].map(() => put(app, events, { id: "five" })));
    // Written after the answer.
    await until(
      () => database.sql`select 1 from matrix_transactions where txn_id = 'five'`,
      ({ length }) => length > 0,
    );
    await put(app, events, { id: "five" });
    const rows = await database.sql`select 1 from inbox where source = ${eventSource("$five", ops)}`;
    const recorded = await database.sql`select 1 from matrix_transactions where txn_id = 'five'`;
    assert.deepEqual([rows.length, recorded.length], [1, 1]);
  });

  test("a reply to what the agent sent is found by its event id", async () => {
    await database.sql`
      insert into outbox (key, lane, destination, body, state, remote_id) values
        ('k1', 'l', ${database.sql.json({ channel: "matrix", user: ops, room: opsRoom })}, ''::bytea, 'sent', '$sent')`;
    const relation = { "m.relates_to": { "m.in_reply_to": { event_id: "$sent" } } };
    await put(app, [said("thanks", { event_id: "$thanks" }, relation)]);
    assert.equal(await textOf("$thanks"), "thanks");
    assert.equal(await textOf("$thanks", helper), undefined);
  });

  test("no body is in the database in the clear", async () => {
    await put(app, [said("Ops: canary-plaintext", { event_id: "$canary" })]);
    const rows = await database.sql`
      select 1 from inbox where inbox::text like '%canary-plaintext%' or position('canary-plaintext'::bytea in body) > 0`;
    assert.equal(rows.length, 0);
  });
});
