import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expectedHashes, journalOf, lastRun } from "../support/journal.ts";
import type { KillAt } from "../support/process.ts";
import { privateText } from "../support/telegram-updates.ts";
import { createWorld, settled, stepsAsked, twoSteps } from "./world.ts";

const points: readonly KillAt[] = [
  { point: "inbox.committed", nth: 1 },
  { point: "llm.requested", nth: 1 },
  { point: "llm.answered", nth: 1 },
  { point: "llm.saved", nth: 1 },
  { point: "tool.requested", nth: 1 },
  { point: "tool.started", nth: 1 },
  { point: "tool.ended", nth: 1 },
  { point: "tool.saved", nth: 1 },
  { point: "llm.requested", nth: 2 },
  { point: "llm.answered", nth: 2 },
  { point: "llm.saved", nth: 2 },
  { point: "outbox.committed", nth: 1 },
  { point: "send.started", nth: 1 },
  { point: "send.ended", nth: 1 },
  { point: "send.saved", nth: 1 },
];

/** A step is asked for again only where its answer was not journalled when the process died. */
const timesAsked = ({ point, nth }: KillAt, step: number): number =>
  nth === step && (point === "llm.answered" || (point === "llm.saved" && step === 2)) ? 2 : 1;

describe("a gateway killed by SIGKILL and started again", { concurrency: 4 }, () => {
  for (const killAt of points)
    test(`at ${killAt.point} (${killAt.nth}) answers once on Telegram, at most`, async (t) => {
      const world = await createWorld({ script: twoSteps });
      t.after(() => world.end());
      const { home, database, botApi, model } = world;
      const person = world.person();
      const first = await home.start({ killAt });
      const update = privateText(person, "water the plants");
      await world.push(update);
      assert.equal(await first.exited, "SIGKILL");

      await home.start();
      // Telegram may not have seen the 200, and pushes again.
      assert.equal(await world.push(update), 200);
      await settled(database);

      const said = botApi.sent(person).map(({ text }) => text);
      const [sent, ...more] = await database.sql<{ state: string }[]>`select state from outbox`;
      assert.equal(more.length, 0);
      if (killAt.point === "send.started") assert.deepEqual([said, sent?.state], [[], "unknown"]);
      else
        assert.deepEqual(
          [said, sent?.state],
          [["Noted: water the plants"], killAt.point === "send.ended" ? "unknown" : "sent"],
        );

      assert.deepEqual(
        [1, 2].map((step) => stepsAsked(model).filter((asked) => asked === step).length),
        [1, 2].map((step) => timesAsked(killAt, step)),
      );
      const runs = await database.sql`select state from runs`;
      assert.deepEqual([...runs], [{ state: "done" }]);
      const run = await lastRun(database.sql, person);
      const entries = await journalOf(database.sql, run.id);
      const count = (type: string): number => entries.filter((entry) => entry.type === type).length;
      assert.deepEqual(
        [count("run.started"), count("tool.requested"), count("tool.finished"), count("run.finished")],
        [1, 1, 1, 1],
      );
      assert.deepEqual(
        entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
        expectedHashes(entries),
      );
      const commitments = await database.sql`select 1 from commitments`;
      assert.equal(commitments.length, 1);
    });
});
