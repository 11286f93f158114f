import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sql } from "../../lib/db/client.ts";
import { startEncryptedPerson } from "../support/encrypted-person.ts";
import { echo, encryptedConfig } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn } from "../support/matrix-config.ts";
import { createHome, type Home } from "../support/process.ts";
import { until } from "../support/until.ts";
import { createWorld, settled } from "./world.ts";

const helper = "@agent_helper:home.example";
const rooms: Readonly<Record<string, string>> = {
  [matrixAgent]: "!room1:home.example",
  [helper]: "!room2:home.example",
};

/** The stage's config, its second agent on Matrix too; both forget the keys of rooms they left. */
const twoAgents = (toml: string, homeserver: string): string =>
  encryptedConfig(toml, homeserver, "forget_keys = true").replace(
    /^tools = \["\*"\]\ntelegram = true$/m,
    `$&\nmatrix = { localpart = "agent_helper", rooms = ["${rooms[helper] ?? ""}"], answer = "always", forget_keys = true }`,
  );

/** Who holds each agent. */
async function holders(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql<{ user_id: string; holder: string }[]>`
    select user_id, holder from matrix_devices where trouble is null`;
  return new Map(rows.map(({ user_id, holder }) => [user_id, holder]));
}

const health = async ({ privateUrl }: Home, agent: string): Promise<string> => {
  const parts = (await (await fetch(`${privateUrl}/readyz`)).json()) as Record<string, { reason: string }>;
  return parts[`matrix.${agent}`]?.reason ?? "";
};

test("two gateways on one database share the agents out, hand answers over, and one takes over from the other that is killed", async (t) => {
  const homeserver = await startMatrixStandIn();
  const [asked, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const world = await createWorld({
    config: (toml) => twoAgents(toml, homeserver.url),
    script: async (request) => {
      if (JSON.stringify(request.messages.at(-1)).includes("take your time")) {
        asked.resolve();
        await proceed.promise;
      }
      return echo(request);
    },
  });
  const secondHome = await createHome(world.toml, world.database.url);
  const owner = await startEncryptedPerson(homeserver, matrixOwner, { rotateEvery: 1 });
  t.after(async () => {
    await owner.close();
    await homeserver.close();
    await secondHome.remove();
    await world.end();
  });
  const { home, database } = world;
  const { sql } = database;
  for (const [agent, id] of Object.entries(rooms))
    homeserver.createRoom({ id, members: [matrixOwner, agent], encrypted: true });
  homeserver.connect(home.publicUrl);
  const answered = async (agent: string, text: string): Promise<void> => {
    const said = `You said: ${text}`;
    await owner.waitForAnswer(rooms[agent] ?? "", agent, ({ content }) => content["body"] === said);
  };

  // The first is alone, and so it is the first that works on this when the agent goes to the second.
  const one = await home.start();
  await until(
    () => holders(sql),
    (now) => now.size === 2,
  );
  await until(() => owner.isSigned(helper, "OPENCLAW"));
  await owner.say(rooms[helper] ?? "", "take your time");
  await asked.promise;
  const two = await secondHome.start();
  const shared = await until(
    () => holders(sql),
    (now) => now.size === 2 && new Set(now.values()).size === 2,
  );
  await until(
    () => health(secondHome, "helper"),
    (reason) => reason === "encrypted, device OPENCLAW",
  );
  assert.equal(await health(home, "helper"), "encrypted, held by another gateway");
  proceed.resolve();
  await answered(helper, "take your time");
  await settled(database);
  const [sent] = await sql<{ attempts: number; state: string }[]>`select attempts, state from outbox`;
  assert.deepEqual(sent, { attempts: 1, state: "sent" });

  // Pushed to the first alone, each is answered by whoever holds its agent.
  for (const agent of Object.keys(rooms)) {
    await owner.say(rooms[agent] ?? "", `hello ${agent}`);
    await answered(agent, `hello ${agent}`);
  }

  // Whoever works on it, whoever holds the keys forgets them.
  const sessions = async (user: string): Promise<number> => {
    const rows = await sql`select 1 from matrix_crypto where user_id = ${user} and store = 'inbound_group_sessions3'`;
    return rows.length;
  };
  for (const [agent, id] of Object.entries(rooms)) {
    assert.ok((await sessions(agent)) > 0);
    await homeserver.setState(id, matrixOwner, "m.room.member", agent, { membership: "leave" });
    await until(
      () => sessions(agent),
      (count) => count === 0,
    );
    await homeserver.invite(id, agent, matrixOwner);
    await until(async () => {
      const open = await sql`select 1 from inbox where kind = 'membership' and state in ('new', 'running')`;
      const joined = await sql`select 1 from matrix_rooms where room_id = ${id} and membership = 'join'`;
      return open.length === 0 && joined.length === 1;
    });
  }

  // The second holds one of them; nobody tells the first that it is gone.
  two.signal("SIGKILL");
  await two.exited;
  const killedAt = performance.now();
  for (const agent of Object.keys(rooms)) {
    await owner.say(rooms[agent] ?? "", `still there, ${agent}?`);
    await answered(agent, `still there, ${agent}?`);
  }
  assert.ok(performance.now() - killedAt < 10_000, `${performance.now() - killedAt} ms`);
  const now = await holders(sql);
  assert.equal(new Set(now.values()).size, 1);
  assert.ok([...shared.values()].includes([...now.values()][0] ?? ""));
  await settled(database);

  one.signal("SIGTERM");
  assert.equal(await one.exited, 0);
});
