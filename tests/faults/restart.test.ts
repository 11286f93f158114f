import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { privateText } from "../support/telegram-updates.ts";
import { until } from "../support/until.ts";
import { createWorld, settled, twoSteps } from "./world.ts";

describe("a restart", { concurrency: 2 }, () => {
  test("in the middle of pushes sent 1 to 5 times, shuffled and at once, loses and doubles nothing", async (t) => {
    const answered: string[] = [];
    const world = await createWorld({
      script: ({ messages }) => {
        const said = String(messages.at(-1)?.content);
        answered.push(...said.split("\n\n"));
        return { text: said };
      },
    });
    t.after(() => world.end());
    const { home, database } = world;
    const people = Array.from({ length: 8 }, () => world.person());
    const updates = people.flatMap((person) => [1, 2, 3, 4, 5].map((n) => privateText(person, `${person} says ${n}`)));
    // The same disorder in every run of the test.
    const pushes = updates
      .flatMap((update, index) => Array.from({ length: 1 + (index % 5) }, () => update))
      .map((update, index) => ({ update, rank: (index * 7919) % 104_729 }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ update }) => update);

    const first = await home.start();
    const half = Math.floor(pushes.length / 2);
    await Promise.all(pushes.slice(0, half).map((update) => world.push(update)));
    first.signal("SIGKILL");
    await first.exited;
    await home.start();
    await Promise.all(pushes.slice(half).map((update) => world.push(update)));
    const again = await Promise.all(updates.map((update) => world.push(update)));
    assert.ok(again.every((status) => status === 200));
    await settled(database);

    const states = await database.sql<{ state: string }[]>`select state from inbox`;
    assert.equal(states.length, updates.length);
    assert.ok(states.every(({ state }) => state === "done"));
    const finished = await database.sql`select 1 from runs where state = 'done'`;
    const runs = await database.sql`select 1 from runs`;
    assert.equal(finished.length, runs.length);
    for (const update of updates) assert.ok(answered.includes(update.message.text ?? ""), update.message.text);
    // What was not cut off between a model's answer and its commit was asked for once.
    const turns = await database.sql`select 1 from turns`;
    assert.equal(turns.length, runs.length);
    const replies = await database.sql<{ state: string }[]>`select state from outbox`;
    assert.equal(replies.length, runs.length);
    assert.ok(replies.every(({ state }) => state === "sent" || state === "unknown"));
  });

  test("by SIGTERM lets a running turn end and be delivered, takes no new push, and exits with 0", async (t) => {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const world = await createWorld({
      script: async () => {
        asked.resolve();
        await gate.promise;
        return { text: "In the end." };
      },
    });
    t.after(() => world.end());
    const { home, database } = world;
    const [one, two] = [world.person(), world.person()];
    const process = await home.start();
    await world.say(one, "take your time");
    await asked.promise;
    process.signal("SIGTERM");
    await until(async () => process.log().includes('"msg":"draining"'));
    const late = privateText(two, "too late");
    await until(
      () => world.push(late),
      (status) => status === 0,
    );
    gate.resolve();
    assert.equal(await world.heard(one), "In the end.");
    assert.equal(await process.exited, 0);
    const rows = await database.sql<{ state: string }[]>`select state from outbox`;
    assert.deepEqual([...rows], [{ state: "sent" }]);

    await home.start();
    assert.equal(await world.push(late), 200);
    assert.equal(await world.heard(two), "In the end.");
    await settled(database);
  });

  for (const [what, change, told] of [
    ["a tool was taken away", (toml: string) => toml.replace('"commitments_*", ', ""), /^Noted/],
    [
      "the person was removed",
      (toml: string) => toml.replaceAll(/"telegram:2\d+"/g, '"telegram:1"'),
      /^You may no longer talk to this agent\. \(run/,
    ],
    [
      "the agent was removed",
      (toml: string) => toml.replace("[agents.ops]", "[agents.other]").replace('agent = "ops"', 'agent = "other"'),
      /^The agent that was at work is no longer here\. \(run/,
    ],
  ] as const)
    test(`after which ${what} does not execute the call that was allowed before`, async (t) => {
      const world = await createWorld({ script: twoSteps });
      t.after(() => world.end());
      const { home, database, model } = world;
      const person = world.person();
      const first = await home.start({ killAt: { point: "tool.requested", nth: 1 } });
      await world.say(person, "water the plants");
      assert.equal(await first.exited, "SIGKILL");
      // One member is named many times over then, which is one.
      home.rewrite(change(world.toml));
      await home.start();
      assert.match(await world.heard(person), told);
      await settled(database);
      assert.equal((await database.sql`select 1 from commitments`).length, 0);
      const last = (model.requests.at(-1)?.body["messages"] as { role: string; content: string }[]).at(-1);
      if (what === "a tool was taken away") assert.match(last?.content ?? "", /^Not permitted: commitments_add/);
      else assert.equal(model.requests.length, 1);
    });

  test("is not needed for a changed config: on SIGHUP it is taken over, and a wrong one refused", async (t) => {
    const world = await createWorld({ script: { text: "Hi." } });
    t.after(() => world.end());
    const person = world.person();
    const process = await world.home.start();
    world.home.rewrite(world.toml.replace('agent = "ops"', 'agent = "nobody"'));
    process.signal("SIGHUP");
    await until(async () => process.log().includes("config refused"));
    world.home.rewrite(world.toml.replaceAll(`"telegram:${person}"`, '"telegram:1"'));
    process.signal("SIGHUP");
    await until(async () => process.log().includes("config taken over"));
    await world.say(person, "hi");
    assert.match(await world.heard(person), /^This bot is private/);
  });
});
