import assert from "node:assert/strict";
import { test } from "node:test";
import { startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

test("after a /stop in the middle of a tool call the next request shows every call with a result", async (t) => {
  const stage = await startStage({
    script: ({ messages }) =>
      messages.at(-1)?.content === "list"
        ? { toolCalls: [{ name: "commitments_list", arguments: {} }] }
        : { text: "Fine." },
  });
  t.after(() => stage.stop());
  const person = stage.person();
  const held = Promise.withResolvers<void>();
  const locking = stage.gateway.sql.begin(async (sql) => {
    await sql`lock table commitments in access exclusive mode`;
    await held.promise;
  });
  await stage.say(person, "list");
  await until(async () => (await stage.gateway.sql`select 1 from journal where type = 'tool.requested'`).length === 1);
  await stage.say(person, "/stop");
  assert.match(await stage.heard(person), /^Stopped\. \(run /);
  held.resolve();
  await locking;

  await stage.say(person, "and now?");
  assert.equal(await stage.heard(person), "Fine.");
  const shown = stage.model.requests.at(-1)?.body["messages"] as {
    role: string;
    tool_call_id?: string;
    tool_calls?: { id: string }[];
  }[];
  const asked = shown.flatMap(({ tool_calls }) => tool_calls ?? []).map(({ id }) => id);
  const told = shown.flatMap(({ tool_call_id }) => tool_call_id ?? []);
  assert.equal(asked.length, 1);
  assert.deepEqual(told, asked);
});
