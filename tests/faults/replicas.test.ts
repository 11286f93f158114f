import assert from "node:assert/strict";
import { test } from "node:test";
import { lastRun } from "../support/journal.ts";
import { createHome, type GatewayProcess } from "../support/process.ts";
import { privateText } from "../support/telegram-updates.ts";
import { until } from "../support/until.ts";
import { createWorld, settled, twoSteps } from "./world.ts";

const ended = (process: GatewayProcess): number => process.log().split('"msg":"run ended"').length - 1;

test("two replicas on one database share the work, and one finishes what the other was killed in", async (t) => {
  let alone = true;
  const held = Promise.withResolvers<void>();
  const world = await createWorld({
    top: "workers = 2",
    script: (request) => {
      const said = String(request.messages.findLast(({ role }) => role === "user")?.content);
      const answering = request.messages.at(-1)?.role === "tool";
      if (said !== "finish this" || !answering || !alone) return twoSteps(request);
      held.resolve();
      return { hang: true };
    },
  });
  const { home, database, model } = world;
  const secondHome = await createHome(world.toml, database.url);
  t.after(async () => {
    await secondHome.remove();
    await world.end();
  });

  // The first is alone when it takes the run, so it is the first that has it when it dies.
  const one = await home.start();
  const person = world.person();
  await world.push(privateText(person, "finish this"));
  await held.promise;
  const two = await secondHome.start();
  alone = false;

  const people = Array.from({ length: 30 }, () => world.person());
  await Promise.all(
    people.map(async (someone, index) => {
      const update = privateText(someone, `hello from ${someone}`);
      // To both, as a balancer that repeats would; whoever hears it first answers.
      for (const { publicUrl } of index % 2 === 0 ? [home, secondHome] : [secondHome, home])
        assert.equal(
          (await world.botApi.push(`${publicUrl}/telegram/main`, "canary_webhook_secret_0123", update)).status,
          200,
        );
    }),
  );
  for (const someone of people) assert.equal(await world.heard(someone), `Noted: hello from ${someone}`);
  const counts = await until(
    async () => [ended(one), ended(two)] as const,
    ([a, b]) => a + b === people.length,
  );
  assert.ok(
    counts.every((count) => count > 0),
    `${counts.join(" and ")} runs`,
  );
  assert.equal(model.requests.length, 2 * people.length + 2);
  assert.equal((await lastRun(database.sql, person))["state"], "running");

  one.signal("SIGKILL");
  await one.exited;
  assert.equal(await world.heard(person), "Noted: finish this");
  await settled(database);
  assert.equal(model.requests.length, 2 * people.length + 3, "only the unanswered step is asked for again");
  for (const someone of [person, ...people]) assert.equal(world.count(someone), 1);
  assert.equal((await database.sql`select 1 from commitments`).length, people.length + 1);
});

test("what waits too long at a replica that is full is answered by another", async (t) => {
  const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let hanging = 0;
  const world = await createWorld({
    top: "workers = 2",
    script: (request) => {
      if (request.messages.findLast(({ role }) => role === "user")?.content !== "hang") return { text: "Here." };
      held[hanging++]?.resolve();
      return { hang: true };
    },
  });
  const secondHome = await createHome(world.toml, world.database.url);
  t.after(async () => {
    await secondHome.remove();
    await world.end();
  });
  const full = await world.home.start();
  for (const { promise } of held) {
    await world.push(privateText(world.person(), "hang"));
    await promise;
  }
  const other = await secondHome.start();
  const person = world.person();
  await world.push(privateText(person, "is anybody there?"));
  assert.equal(await world.heard(person), "Here.");
  assert.equal(ended(full), 0);
  await until(async () => ended(other) === 1);
  full.signal("SIGKILL");
  other.signal("SIGKILL");
  await Promise.all([full.exited, other.exited]);
});
