/** A job whose message goes to a Matrix room and a Telegram chat, of which one is away for a while. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { roomOf } from "../../lib/channel/room.ts";
import { placesOf } from "../../lib/jobs/places.ts";
import { createMatrixRooms } from "../../lib/ledger/matrix-rooms.ts";
import "../support/jobs/function.ts";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { ask, attemptsOf, first, withJob } from "../support/jobs/jobs.ts";
import { type Source, startSource } from "../support/jobs/source.ts";
import { matrixAgent } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

/** The first that a stage makes. */
const room = "!room1:home.example";
let on: EncryptedStage;
let source: Source;

before(async () => {
  source = await startSource();
  on = await startEncryptedStage({
    script: { text: "News." },
    matrix: "require_encryption = false",
    config: (toml) => withJob(toml, [source.url], "", [`matrix:${room}`, `telegram:${first}`]),
  });
  assert.equal(await on.room({ encrypted: false }), room);
});
after(async () => {
  await on.stop();
  await source.stop();
});

const run = (slot: string) => ask(on.stage.gateway.privateUrl, `/jobs/news?slot=${slot}`);
const inRoom = (): number =>
  on.homeserver.sent(room).filter(({ type, sender }) => type === "m.room.message" && sender === matrixAgent).length;
const inChat = (): number => on.stage.botApi.sent(first).length;
const done = (slot: string): Promise<unknown> =>
  until(async () => (await attemptsOf(on.stage.gateway.sql, slot))[0]?.state === "done");

test("is delivered in both", async () => {
  const { body } = await run("2026-01-01T08:00");
  await done(body.slot);
  assert.deepEqual([inRoom(), inChat(), source.marks], [1, 1, ["1"]]);
});

test("while the homeserver is away is delivered in the chat alone, and in the room once it is back; only then is it marked", async () => {
  on.homeserver.fail({ method: "PUT", path: /\/send\//, answer: { status: 502, body: {} } });
  const { body } = await run("2026-01-02T08:00");
  await until(async () => inChat() === 2);
  await until(
    async () =>
      (await on.stage.gateway.sql`select 1 from outbox where state = 'pending' and attempts > 0`).length === 1,
  );
  assert.deepEqual([inRoom(), source.marks.length], [1, 1]);
  assert.equal((await attemptsOf(on.stage.gateway.sql, body.slot))[0]?.state, "delivering");
  on.homeserver.clearFaults();
  await on.stage.gateway.sql`update outbox set not_before = now() where state = 'pending'`;
  await done(body.slot);
  assert.deepEqual([inRoom(), inChat(), source.marks], [2, 2, ["1", "1"]]);
  assert.equal(on.stage.model.requests.length, 2);
});

test("is known in the room's conversation with the agent", async () => {
  const rows = await on.stage.gateway.sql<{ lane: string; active: boolean; turns: number }[]>`
    select c.lane, c.active, count(t.id)::int as turns from conversations c join turns t on t.conversation_id = c.id
    group by c.lane, c.active order by c.lane`;
  assert.deepEqual(
    rows.map(({ lane, active, turns }) => [lane.split(":")[0], active, turns]),
    [
      ["matrix", true, 2],
      ["telegram", true, 2],
    ],
  );
});

test("goes to the room that replaced the one in the config, which still stands for it in the policy", async () => {
  const { holder, sql } = on.stage.gateway;
  const job = holder.current.jobs.get("news");
  assert.ok(job);
  const rooms = createMatrixRooms(sql);
  await rooms.set(matrixAgent, room, "leave");
  await rooms.set(matrixAgent, "!next:home.example", "join", { origin: room });
  const [place] = await placesOf(sql, holder.current, job);
  assert.deepEqual([place.name, roomOf(place.destination)], [`matrix:${room}`, `matrix:${room}`]);
  assert.deepEqual([place.destination.channel === "matrix" && place.destination.room], ["!next:home.example"]);
  assert.equal(place.lane, `matrix:${matrixAgent}|!next:home.example`);
});
