import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startEncryptedPerson } from "../support/encrypted-person.ts";
import { echo, encryptedConfig } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn } from "../support/matrix-config.ts";
import type { KillAt } from "../support/process.ts";
import { until } from "../support/until.ts";
import { createWorld, settled } from "./world.ts";

const room = "!room1:home.example";

/**
 * The crypto machine's pieces of work, before and behind their commit. About 16 make an agent ready, 24 answer the first
 * message and 14 each further one: so these are all over the path, in a new session each.
 */
const killPoints: readonly KillAt[] = [
  ...[2, 20, 28, 38].map((nth) => ({ point: "crypto.worked", nth }) as const),
  ...[6, 17, 24].map((nth) => ({ point: "crypto.committed", nth }) as const),
];

describe("killed by SIGKILL in the middle of encryption and started again,", { concurrency: 4 }, () => {
  for (const killAt of killPoints)
    test(`at ${killAt.point} (${killAt.nth}) an agent answers every message once, and keeps its keys`, async (t) => {
      const homeserver = await startMatrixStandIn();
      const world = await createWorld({ script: echo, config: (toml) => encryptedConfig(toml, homeserver.url) });
      const owner = await startEncryptedPerson(homeserver, matrixOwner, { rotateEvery: 1 });
      t.after(async () => {
        await owner.close();
        await homeserver.close();
        await world.end();
      });
      const { home, database } = world;
      homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
      homeserver.connect(home.publicUrl);

      let alive = true;
      const starting = home.start({ killAt });
      const died = starting.then(
        ({ exited }) => exited,
        // While it started.
        (thrown: unknown) => (String(thrown).includes("SIGKILL") ? "SIGKILL" : Promise.reject(thrown as Error)),
      );
      void died.finally(() => (alive = false)).catch(() => {});
      await starting.catch(() => {});
      const said: string[] = [];
      // A client can only encrypt for a device it sees.
      const canEncrypt = (): Promise<boolean> => owner.isSigned(matrixAgent, "OPENCLAW");
      await until(async () => !alive || (await canEncrypt()));
      while (alive) {
        said.push(`message ${said.length + 1}.`);
        await Promise.race([owner.say(room, said.at(-1) ?? ""), died]);
      }
      assert.equal(await died, "SIGKILL");

      await home.start();
      const heard = (): Promise<string> =>
        owner.answers(room, matrixAgent).then((answers) => answers.map(({ content }) => content["body"]).join("\n"));
      await until(canEncrypt);
      said.push("the last one.");
      await owner.say(room, "the last one.");
      await owner.waitForAnswer(room, matrixAgent, ({ content }) => /the last one/.test(String(content["body"])));
      await settled(database);

      const all = await heard();
      for (const text of said) assert.equal(all.split(text).length - 1, 1, `${text} in:\n${all}`);
      assert.ok(homeserver.sent(room).every(({ type }) => type === "m.room.encrypted"));
      const rows = await database.sql<{ state: string }[]>`select distinct state from outbox`;
      assert.deepEqual([...rows], [{ state: "sent" }]);
      const devices = await database.sql<{ device_id: string; trouble: string | null }[]>`
        select device_id, trouble from matrix_devices`;
      assert.deepEqual([...devices], [{ device_id: "OPENCLAW", trouble: null }]);
    });
});
