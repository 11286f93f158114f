import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createWorld } from "../faults/world.ts";
import { startEncryptedPerson } from "../support/encrypted-person.ts";
import { echo, encryptedConfig, type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { newKey } from "../../lib/seal.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn } from "../support/matrix-config.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A gateway with an empty database, at the homeserver of another that is gone. */
async function afterLoss(
  before: EncryptedStage,
  environment: Record<string, string> = {},
): Promise<{ stage: Stage; device: string; ed25519: string }> {
  const { homeserver } = before;
  const stage = await startStage({
    script: echo,
    environment,
    config: (toml) => encryptedConfig(toml, homeserver.url),
  });
  ends.push(() => stage.stop());
  homeserver.connect(stage.gateway.publicUrl);
  const device = await until(
    async () => {
      const ready = await (await fetch(`${stage.gateway.privateUrl}/readyz`)).json();
      const { ok, reason } = (ready as Record<string, { ok: boolean; reason: string }>)["matrix.ops"] ?? {};
      const matrix = (ready as Record<string, { ok: boolean }>)["matrix"];
      return ok && matrix?.ok ? /device (\w+)$/.exec(reason ?? "")?.[1] : undefined;
    },
    (found) => found !== undefined,
  );
  const [row] = await stage.gateway.sql<{ ed25519: string }[]>`select ed25519 from matrix_devices`;
  return { stage, device: device ?? "", ed25519: row?.ed25519 ?? "" };
}

const masterKey = async ({ gateway }: Stage): Promise<string | undefined> => {
  const [row] = await gateway.sql<{ master_key: string }[]>`select master_key from matrix_devices`;
  return row?.master_key;
};

/** The ids of the agent's devices as anybody sees them. */
async function devicesOf({ homeserver }: EncryptedStage): Promise<string[]> {
  const { accessToken } = homeserver.login("@somebody:home.example");
  const answer = await fetch(`${homeserver.url}/_matrix/client/v3/keys/query`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    body: JSON.stringify({ device_keys: { [matrixAgent]: [] } }),
  });
  const { device_keys } = (await answer.json()) as { device_keys: Record<string, Record<string, object>> };
  return Object.keys(device_keys[matrixAgent] ?? {});
}

test("with the database lost and OPENCLAW_KEY kept, an agent has a new device, the same identity, and answers again", async () => {
  const first = await startEncryptedStage({ owner: { rotateEvery: 1 } });
  const { owner, homeserver } = first;
  ends.push(async () => {
    await owner.close();
    await homeserver.close();
  });
  const room = await first.room();
  await owner.say(room, "before");
  const before = await first.answer(room, "You said: before");
  const identity = await masterKey(first.stage);
  assert.ok(identity);
  homeserver.connect(undefined);
  await first.stage.stop();
  const unheard = owner.say(room, "while it was gone");
  await until(async () =>
    homeserver.events.some(({ type, sender }) => type === "m.room.encrypted" && sender === owner.user),
  );

  const { stage, device } = await afterLoss(first);
  assert.match(device, /^OPENCLAW_[0-9A-F]{8}$/);
  assert.equal(await masterKey(stage), identity);
  assert.deepEqual(await devicesOf(first), [device]);
  assert.equal(await owner.isSigned(matrixAgent, device), true);
  const log = stage.gateway.log();
  assert.match(log, /the keys of the agent's device are lost; it gets another one/);
  assert.match(log, /the agent's identity was restored from its backup/);

  await owner.say(room, "after");
  await owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === "You said: after");
  // Encrypted for a device that is gone: kept, and told of; what was answered then can still be read by its reader.
  const event = await unheard;
  const [row] = await until(
    () => stage.gateway.sql<{ reason: string }[]>`select reason from inbox where source like ${`matrix:${event}:%`}`,
    ([found]) => found !== undefined && found.reason !== null,
  );
  assert.equal(row?.reason, "no key");
  assert.equal((await owner.read(before)).content["body"], "You said: before");
});

test("with OPENCLAW_KEY lost too, it says so, makes a new identity and answers whoever writes to that", async () => {
  const first = await startEncryptedStage({ owner: { rotateEvery: 1 } });
  const { owner, homeserver } = first;
  ends.push(async () => {
    await owner.close();
    await homeserver.close();
  });
  const room = await first.room();
  await owner.say(room, "before");
  await first.answer(room, "You said: before");
  const identity = await masterKey(first.stage);
  homeserver.connect(undefined);
  await first.stage.stop();

  const { stage, device } = await afterLoss(first, { OPENCLAW_KEY: newKey() });
  assert.notEqual(await masterKey(stage), identity);
  assert.deepEqual(await devicesOf(first), [device]);
  const log = stage.gateway.log();
  assert.match(log, /the backup of the agent's identity cannot be opened/);
  assert.match(log, /the agent's identity is lost and a new one is made: its contacts are warned/);
  await owner.say(room, "after");
  await owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === "You said: after");
});

test("a restart changes neither device nor identity, reads what was said meanwhile, and removes a device that is not its own", async () => {
  const homeserver = await startMatrixStandIn();
  const world = await createWorld({ script: echo, config: (toml) => encryptedConfig(toml, homeserver.url) });
  const owner = await startEncryptedPerson(homeserver, matrixOwner, { rotateEvery: 1 });
  ends.push(async () => {
    await owner.close();
    await homeserver.close();
    await world.end();
  });
  const room = "!room1:home.example";
  homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
  homeserver.connect(world.home.publicUrl);
  const first = await world.home.start();
  await until(() => owner.isSigned(matrixAgent, "OPENCLAW"));
  const answered = (text: string): Promise<unknown> =>
    owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === `You said: ${text}`);
  await owner.say(room, "before");
  await answered("before");
  const keys = async (): Promise<unknown[]> => [
    ...(await world.database.sql`select device_id, ed25519, master_key from matrix_devices`),
  ];
  const before = await keys();
  first.signal("SIGTERM");
  assert.equal(await first.exited, 0);

  const { accessToken } = homeserver.login(matrixAgent, "LEFT_OVER");
  assert.ok(accessToken);
  const meanwhile = owner.say(room, "meanwhile");
  await world.home.start();
  await meanwhile;
  await answered("meanwhile");
  assert.deepEqual(await keys(), before);
  assert.ok(homeserver.calls.some(({ method, path }) => method === "DELETE" && path.endsWith("/devices/LEFT_OVER")));
  assert.deepEqual(homeserver.toDevice(matrixAgent, "LEFT_OVER"), []);
});
