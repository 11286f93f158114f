import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StandInEvent } from "../support/homeserver.ts";
import {
  matrixAgent,
  matrixOwner,
  matrixReady,
  matrixRoom,
  startMatrixStandIn,
  withMatrix,
} from "../support/matrix-config.ts";
import type { ScriptedRequest } from "../support/model-server.ts";
import type { KillAt } from "../support/process.ts";
import { privateText } from "../support/telegram-updates.ts";
import { createWorld, settled, type World } from "./world.ts";

/** A run that sends a file, then answers. */
const script = ({ messages }: ScriptedRequest) =>
  messages.at(-1)?.role === "tool"
    ? { text: "Here it is." }
    : { toolCalls: [{ name: "files_send", arguments: { name: "a.csv", content: "a,b\n" } }] };

const granted = (toml: string): string => toml.replace('"history_search"]', '"history_search", "files_send"]');

/** The first send is the file's. */
const killPoints: readonly KillAt[] = [
  { point: "tool.started", nth: 1 },
  { point: "tool.ended", nth: 1 },
  { point: "tool.saved", nth: 1 },
  { point: "send.started", nth: 1 },
  { point: "send.ended", nth: 1 },
];

/** What became of the file and of the answer, in the order they were written in. */
async function states({ database }: World): Promise<string[]> {
  const runs = await database.sql<{ state: string }[]>`select state from runs`;
  assert.deepEqual([...runs], [{ state: "done" }]);
  const rows = await database.sql<{ key: string; state: string }[]>`select key, state from outbox order by id`;
  assert.deepEqual(
    rows.map(({ key }) => key.startsWith("file:")),
    [true, false],
  );
  return rows.map(({ state }) => state);
}

describe("killed by SIGKILL while it sends a file, and started again", { concurrency: 4 }, () => {
  for (const killAt of killPoints) {
    test(`at ${killAt.point} on Telegram, the file is sent at most once, and the answer comes behind it`, async (t) => {
      const world = await createWorld({ script, config: granted });
      t.after(() => world.end());
      const person = world.person();
      const first = await world.home.start({ killAt });
      const update = privateText(person, "the table, please");
      await world.push(update);
      assert.equal(await first.exited, "SIGKILL");

      await world.home.start();
      assert.equal(await world.push(update), 200);
      await settled(world.database);

      const [file, answer] = await states(world);
      assert.equal(answer, "sent");
      const sent = world.botApi.sentFiles(person);
      const [said, ...more] = world.botApi.sent(person);
      assert.deepEqual([said?.text, more], ["Here it is.", []]);
      assert.ok(sent.every(({ messageId }) => messageId < (said?.message_id ?? 0)));
      if (killAt.point === "tool.started") assert.equal(file, "sent");
      if (killAt.point.startsWith("send.")) assert.equal(file, "unknown");
      // Killed at a tool's checkpoint it may have been sending by chance.
      if (file === "sent" || killAt.point === "send.ended") assert.equal(sent.length, 1);
      else assert.ok(file === "unknown" && sent.length <= 1);
    });

    test(`at ${killAt.point} on Matrix, the file is sent exactly once, and the answer comes behind it`, async (t) => {
      const homeserver = await startMatrixStandIn();
      const world = await createWorld({ script, config: (toml) => withMatrix(granted(toml), homeserver.url) });
      t.after(async () => {
        await homeserver.close();
        await world.end();
      });
      homeserver.createRoom({ id: matrixRoom, members: [matrixOwner, matrixAgent] });
      homeserver.connect(world.home.publicUrl);
      const first = await world.home.start({ killAt });
      await matrixReady(world.home);
      const said = homeserver.say(matrixRoom, matrixOwner, "the table, please");
      assert.equal(await first.exited, "SIGKILL");

      await world.home.start();
      await said;
      const isAnswer = ({ content }: StandInEvent): boolean => content["body"] === "Here it is.";
      await homeserver.waitFor(isAnswer);
      await settled(world.database);

      assert.deepEqual(await states(world), ["sent", "sent"]);
      assert.deepEqual(
        homeserver
          .sent(matrixRoom)
          .filter(({ type }) => type === "m.room.message")
          .map(({ content }) => content["body"]),
        ["a.csv", "Here it is."],
      );
    });
  }
});
