import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { privateText } from "../support/telegram-updates.ts";
import { assertOneRun, killPoints } from "./kill-points.ts";
import { createWorld, settled, twoSteps } from "./world.ts";

describe("killed by SIGKILL and started again, on Telegram", { concurrency: 4 }, () => {
  for (const killAt of killPoints)
    test(`at ${killAt.point} (${killAt.nth}) a gateway ends its run once, and never sends twice`, async (t) => {
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
      const sends = await database.sql<{ state: string }[]>`select state from outbox`;
      const unknown = killAt.point === "send.started" || killAt.point === "send.ended";
      assert.deepEqual([...sends], [{ state: unknown ? "unknown" : "sent" }]);
      assert.deepEqual(said, killAt.point === "send.started" ? [] : ["Noted: water the plants"]);
      await assertOneRun(database, model, killAt);
    });
});
