import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { order } from "../support/injection/directives.ts";
import { wellBehaved } from "../support/injection/worst-case-model.ts";
import type { KillAt } from "../support/process.ts";
import { privateText } from "../support/telegram-updates.ts";
import { createWorld, settled } from "./world.ts";

/** ops asks helper, who writes a commitment down. */
const config = (toml: string): string =>
  toml.replace(/^tools = \["time_now".*\]$/m, 'tools = ["commitments_*"]\ncalls = ["helper"]');

/** The first of each is the outer run's, the second the one that it asked for. */
const killPoints: readonly KillAt[] = [
  { point: "tool.started", nth: 1 },
  { point: "llm.requested", nth: 2 },
  { point: "llm.saved", nth: 2 },
  { point: "tool.started", nth: 2 },
  { point: "tool.ended", nth: 1 },
  { point: "tool.saved", nth: 1 },
  { point: "llm.requested", nth: 3 },
  { point: "outbox.committed", nth: 1 },
];

describe("killed by SIGKILL while one agent asks another, and started again", { concurrency: 4 }, () => {
  for (const killAt of killPoints)
    test(`at ${killAt.point} (${killAt.nth}), the other agent acts once, and both runs end`, async (t) => {
      const world = await createWorld({ script: wellBehaved, config });
      t.after(() => world.end());
      const person = world.person();
      const first = await world.home.start({ killAt });
      const request = `Please ${order("commitments_add", { text: "water the plants" })}`;
      const update = privateText(person, order("agent_ask", { agent: "helper", request }));
      await world.push(update);
      assert.equal(await first.exited, "SIGKILL");

      await world.home.start();
      assert.equal(await world.push(update), 200);
      await settled(world.database);

      const runs = await world.database.sql<{ agent: string; state: string }[]>`
        select agent, state from runs order by started_at`;
      assert.deepEqual(
        [...runs],
        [
          { agent: "ops", state: "done" },
          { agent: "helper", state: "done" },
        ],
      );
      assert.equal((await world.database.sql`select 1 from commitments`).length, 1);
      assert.equal(world.botApi.sent(person).length, 1);
    });
});
