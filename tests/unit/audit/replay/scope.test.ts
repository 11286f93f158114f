import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { recordedScope } from "../../../../lib/audit/replay/scope.ts";
import type { Job } from "../../../../lib/config/config.ts";
import type { Run } from "../../../../lib/ledger/run.ts";
import type { Tool } from "../../../../lib/tools/define.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { permissiveScope } from "../../../support/granted.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const job = { name: "digest", agent: "ops", tools: ["feeds_*"], deliver: ["matrix:!home:x"], timezone: "UTC" };
const { config: plain } = permissiveScope();
const config = { ...plain, jobs: new Map([["digest", job as unknown as Job]]) };

const scopeOf = (run: Partial<Run>) =>
  recordedScope(
    { sql: database.sql, config, ownTools: () => ["feeds_read"] },
    {
      ...{ id: randomUUID(), conversationId: randomUUID(), lane: "telegram:main:1", agent: "ops" },
      ...{ principal: "telegram:1", trigger: "chat", policyHash: "", promptHash: "", ...run },
    },
  );

test("the room is that of the lane, and of an upgraded one what config says of the room it replaced", async () => {
  const roomOf = async (lane: string) => (await scopeOf({ lane })).scope.room;
  assert.equal(await roomOf("telegram:main:1001"), undefined);
  assert.equal(await roomOf("telegram:main:-100500:7"), "telegram:-100500");
  assert.equal(await roomOf("matrix:@ops:home|!a:home|$thread"), "matrix:!a:home");
  await database.sql`
    insert into matrix_rooms (user_id, room_id, membership, origin) values ('@ops:home', '!new:home', 'join', '!old:home')`;
  assert.equal(await roomOf("matrix:@ops:home|!new:home"), "matrix:!old:home");
});

test("a job's run is decided by the job's own list, without what its function calls itself; a dry one changes nothing", async () => {
  const slot = new Date(0);
  const run = { principal: "job:digest", trigger: "job", lane: "job:digest" } as const;
  const { scope, withholds, asks } = await scopeOf({ ...run, job: { name: "digest", slot, attempt: 1 } });
  assert.deepEqual(scope.job, { name: "digest", tools: ["feeds_*"], rooms: ["matrix:!home:x"] });
  const act = { name: "door_open", labels: ["act"] } as unknown as Tool;
  assert.match(withholds({ ...act, name: "feeds_read" }) ?? "", /calls feeds_read itself/);
  assert.deepEqual([withholds(act), asks], [undefined, true]);
  const dry = await scopeOf({ ...run, job: { name: "digest", slot, attempt: 0 } });
  assert.deepEqual([dry.withholds(act), dry.asks], ["a dry run changes nothing", false]);
  // A person's own schedule is theirs.
  const own = await scopeOf({ job: { name: "schedule:7", slot, attempt: 1 } });
  assert.equal(own.job, undefined);
});

test("an agent that was asked is decided with the scope of the one that asked", async () => {
  const parent = randomUUID();
  await database.sql`
    insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash)
    values (${parent}, ${randomUUID()}, 'telegram:main:-5', 'ops', 'telegram:1', 'chat', 'done', '', '')`;
  const { scope } = await scopeOf({ trigger: "agent", parentRunId: parent, lane: "telegram:main:-5" });
  assert.deepEqual(
    [scope.caller?.trigger, scope.caller?.room, scope.caller?.caller],
    ["chat", "telegram:-5", undefined],
  );
});

test("an agent or a job that is no longer in the config is named", async () => {
  await assert.rejects(scopeOf({ agent: "gone" }), /agents\.gone is no longer in the config/);
  const job = { name: "gone", slot: new Date(0), attempt: 1 };
  await assert.rejects(scopeOf({ trigger: "job", job }), /jobs\.gone is no longer in the config/);
});
