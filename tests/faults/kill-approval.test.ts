import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commitmentsOf, obeying, withApprovals } from "../support/approvals.ts";
import { expectedHashes, journalOf } from "../support/journal.ts";
import {
  matrixAgent,
  matrixOwner,
  matrixReady,
  matrixRoom,
  startMatrixStandIn,
  withMatrix,
} from "../support/matrix-config.ts";
import type { KillAt } from "../support/process.ts";
import { person, privateText, tapUpdate } from "../support/telegram-updates.ts";
import { until } from "../support/until.ts";
import { createWorld, settled, type World } from "./world.ts";

/** Before the answer, and after it: between the decision and the wake-up, and around the tool. */
const beforeAnswer: readonly KillAt[] = [{ point: "run.parked", nth: 1 }];
const afterAnswer: readonly KillAt[] = [
  { point: "approval.decided", nth: 1 },
  { point: "approval.told", nth: 1 },
  { point: "tool.started", nth: 1 },
  { point: "tool.ended", nth: 1 },
  { point: "tool.saved", nth: 1 },
];

/** One run, asked about once, approved once, and its tool's effect there once. */
async function assertApprovedOnce({ database: { sql } }: World, principal: string): Promise<void> {
  const runs = await sql<{ id: string; state: string }[]>`select id, state from runs`;
  assert.deepEqual(
    runs.map(({ state }) => state),
    ["done"],
  );
  const approvals = await sql<{ state: string; by: string }[]>`select state, decided_by as by from approvals`;
  assert.deepEqual([...approvals], [{ state: "approved", by: principal }]);
  assert.equal(await commitmentsOf(sql, principal), 1);
  const entries = await journalOf(sql, runs[0]?.id ?? "");
  const count = (type: string): number => entries.filter((entry) => entry.type === type).length;
  assert.deepEqual(
    ["tool.requested", "run.waiting", "approval.decided", "tool.finished", "run.finished"].map(count),
    [1, 1, 1, 1, 1],
  );
  assert.deepEqual(
    entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
    expectedHashes(entries),
  );
}

const done = ({ database }: World): Promise<unknown> =>
  until(
    () => database.sql<{ state: string }[]>`select state from runs`,
    ([run]) => run?.state === "done",
  );

describe("killed by SIGKILL around an approval on Telegram, and started again", { concurrency: 4 }, () => {
  for (const killAt of [...beforeAnswer, ...afterAnswer])
    test(`at ${killAt.point}, what was asked and approved is done once`, async (t) => {
      const world = await createWorld({ script: obeying, config: withApprovals });
      t.after(() => world.end());
      const ada = world.person();
      const first = await world.home.start({ killAt });
      await world.push(privateText(ada, "add water"));
      if (beforeAnswer.includes(killAt)) {
        assert.equal(await first.exited, "SIGKILL");
        await world.home.start();
      }
      const question = await until(
        async () => world.botApi.sent(ada).find(({ reply_markup }) => reply_markup),
        (found) => found !== undefined,
      );
      assert.ok(question);
      const update = tapUpdate(person(ada), question, /Approve/);
      await world.push(update);
      if (afterAnswer.includes(killAt)) {
        assert.equal(await first.exited, "SIGKILL");
        await world.home.start();
        assert.equal(await world.push(update), 200);
      }
      await done(world);
      await settled(world.database);
      await assertApprovedOnce(world, `telegram:${ada}`);
      assert.equal(world.botApi.sent(ada).filter(({ text }) => text.startsWith("Results: Added #")).length, 1);
      assert.equal(world.botApi.sent(ada).filter(({ text }) => text.startsWith("Approve?")).length, 1);
    });
});

describe("killed by SIGKILL around an approval on Matrix, and started again", { concurrency: 4 }, () => {
  const sends: readonly KillAt[] = [1, 2, 3].flatMap((nth) => [
    { point: "send.started", nth },
    { point: "send.ended", nth },
  ]);
  const asking = [...beforeAnswer, ...sends];
  for (const killAt of [...asking, ...afterAnswer])
    test(`at ${killAt.point} (${killAt.nth}), it is asked once, with its two reactions, and done once`, async (t) => {
      const homeserver = await startMatrixStandIn();
      const world = await createWorld({
        script: obeying,
        config: (toml) => withMatrix(withApprovals(toml), homeserver.url),
      });
      t.after(async () => {
        await homeserver.close();
        await world.end();
      });
      homeserver.createRoom({ id: matrixRoom, members: [matrixOwner, matrixAgent] });
      homeserver.connect(world.home.publicUrl);
      const first = await world.home.start({ killAt });
      await matrixReady(world.home);
      void homeserver.say(matrixRoom, matrixOwner, "add water");
      if (asking.includes(killAt)) {
        assert.equal(await first.exited, "SIGKILL");
        await world.home.start();
      }
      const own = await until(
        async () => homeserver.sent(matrixRoom).filter(({ type }) => type === "m.reaction"),
        ({ length }) => length === 2,
      );
      const relation = own[0]?.content["m.relates_to"] as { event_id: string };
      // Its ids are stored a moment later.
      await until(
        () => world.database.sql`select 1 from outbox where state <> 'sent'`,
        ({ length }) => length === 0,
      );
      homeserver.post(matrixRoom, matrixOwner, "m.reaction", {
        "m.relates_to": { rel_type: "m.annotation", event_id: relation.event_id, key: "✅" },
      });
      if (afterAnswer.includes(killAt)) {
        assert.equal(await first.exited, "SIGKILL");
        await world.home.start();
      }
      await done(world);
      await settled(world.database);
      await assertApprovedOnce(world, `matrix:${matrixOwner}`);
      const bodies = homeserver
        .sent(matrixRoom)
        .filter(({ type }) => type === "m.room.message")
        .map(({ content }) => String(content["body"]));
      // Where the tap was worked on twice, it is told that all is decided.
      assert.deepEqual(
        bodies.filter((body) => !body.startsWith("Already decided")).map((body) => body.split(" ", 1)[0]),
        ["**Approve?**", "✅", "Results:"],
      );
      assert.equal(homeserver.sent(matrixRoom).filter(({ type }) => type === "m.reaction").length, 2);
    });
});
