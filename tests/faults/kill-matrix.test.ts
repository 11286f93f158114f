import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testEnvironment } from "../support/gateway.ts";
import { type StandInHomeserver, startHomeserver } from "../support/homeserver.ts";
import type { Home } from "../support/process.ts";
import { until } from "../support/until.ts";
import { assertOneRun, killPoints } from "./kill-points.ts";
import { createWorld, settled, twoSteps } from "./world.ts";

const owner = "@me:home.example";
const agent = "@agent_ops:home.example";
const room = "!ops:home.example";

const withMatrix = (toml: string, homeserver: string): string => `${toml
  .replace('"telegram:1001"', `"telegram:1001", "matrix:${owner}"`)
  .replace(
    'tools = ["time_now", "commitments_*", "history_search"]',
    '$&\nmatrix = { localpart = "agent_ops", rooms = ["!ops:home.example"], answer = "always", require_encryption = false }',
  )}
[matrix]
homeserver = "${homeserver}"
server_name = "home.example"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
`;

/** Until the gateway knows that its agent is in the room. */
const matrixReady = ({ privateUrl }: Home): Promise<unknown> =>
  until(async () => {
    const answer = await fetch(`${privateUrl}/readyz`);
    return ((await answer.json()) as { matrix?: { ok: boolean } }).matrix?.ok;
  });

const startStandIn = (): Promise<StandInHomeserver> =>
  startHomeserver({
    asToken: testEnvironment["MATRIX_AS_TOKEN"] ?? "",
    hsToken: testEnvironment["MATRIX_HS_TOKEN"] ?? "",
  });

describe("killed by SIGKILL and started again, on Matrix", { concurrency: 4 }, () => {
  for (const killAt of killPoints)
    test(`at ${killAt.point} (${killAt.nth}) a gateway answers exactly once`, async (t) => {
      const homeserver = await startStandIn();
      const world = await createWorld({ script: twoSteps, config: (toml) => withMatrix(toml, homeserver.url) });
      t.after(async () => {
        await homeserver.close();
        await world.end();
      });
      const { home, database, model } = world;
      homeserver.createRoom({ id: room, members: [owner, agent] });
      homeserver.connect(home.publicUrl);
      const first = await home.start({ killAt });
      await matrixReady(home);
      const said = homeserver.say(room, owner, "water the plants");
      assert.equal(await first.exited, "SIGKILL");

      await home.start();
      await said;
      await homeserver.waitFor(({ sender, type }) => sender === agent && type === "m.room.message");
      await settled(database);

      const answers = homeserver.sent(room).filter(({ type }) => type === "m.room.message");
      assert.deepEqual(
        answers.map(({ content }) => content["body"]),
        ["Noted: @me:home.example: water the plants"],
      );
      const sends = await database.sql`select state from outbox`;
      assert.deepEqual([...sends], [{ state: "sent" }]);
      await assertOneRun(database, model, killAt);
    });
});
