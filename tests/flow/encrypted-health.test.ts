import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({ owner: { rotateEvery: 1 } });
});
afterEach(() => on.homeserver.clearFaults());
after(() => on.stop());

/** Red in /readyz and the metric, for this reason. */
async function red(reason: RegExp): Promise<void> {
  await on.health((part) => !part.ok && reason.test(part.reason));
  assert.equal(await on.gauge(), 0);
}
async function green(): Promise<void> {
  const { reason } = await on.health(({ ok }) => ok);
  assert.match(reason, /^encrypted, device OPENCLAW/);
  assert.equal(await on.gauge(), 1);
}
/** Calls the homeserver as somebody. */
async function call(token: string, method: string, path: string, body: object = {}): Promise<Record<string, unknown>> {
  const answer = await fetch(on.homeserver.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Record<string, unknown>;
}

describe("an agent is red, and green again after,", () => {
  test("while its keys cannot be fetched", async () => {
    const room = await on.room();
    await green();
    on.homeserver.fail({ path: /\/sync$/, answer: { status: 502, body: {} } });
    await on.owner.say(room, "hello");
    await red(/its keys cannot be fetched: .*502/);
    on.homeserver.clearFaults();
    await on.answer(room, "You said: hello");
    await green();
  });

  test("when three messages in a row cannot be read, but not for keys that come with the next pull", async () => {
    const room = await on.room();
    const changes = (): number => on.stage.gateway.log().split("an agent's encryption").length;
    const before = changes();
    // Pushed at once, so that all are seen before any key is.
    on.homeserver.connect(undefined);
    const said = [1, 2, 3, 4].map((n) => on.owner.say(room, `number ${n}`, { awaitPush: false }));
    await Promise.all(said);
    on.homeserver.connect(on.stage.gateway.publicUrl);
    await until(
      async () =>
        on
          .asked()
          .join(" ")
          .match(/number/g)?.length === 4,
    );
    assert.equal(changes(), before);

    for (const n of [1, 2]) await on.owner.say(room, `lost ${n}`, { withholdKeys: true });
    const third = await on.owner.say(room, "lost 3", { withholdKeys: true });
    await red(/the last 3 encrypted messages could not be read/);
    const [row] = await on.inbox(third);
    assert.equal(row?.state, "new");
    await on.owner.say(room, "found");
    await on.answer(room, /found/);
    await green();
  });

  test("when its one-time keys are used up and no fresh ones can be uploaded", async () => {
    on.homeserver.fail({ path: /keys\/upload$/, answer: { status: 500, body: {} } });
    const { accessToken } = on.homeserver.login(matrixOwner);
    const claim = { one_time_keys: { [matrixAgent]: { OPENCLAW: "signed_curve25519" } } };
    for (let n = 0; n < 60; n++) await call(accessToken, "POST", "/_matrix/client/v3/keys/claim", claim);
    const room = await on.room();
    await on.owner.say(room, "hello");
    await red(/keys\/upload/);
    on.homeserver.clearFaults();
    await on.answer(room, "You said: hello");
    await green();
    await until(
      () => on.stage.gateway.sql<{ one_time_keys: number }[]>`select one_time_keys from matrix_devices`,
      ([device]) => (device?.one_time_keys ?? 0) > 0,
    );
  });

  test("when somebody resets its identity on the homeserver; it makes none of its own then", async () => {
    const room = await on.room();
    const { accessToken, deviceId } = on.homeserver.login(matrixAgent, "OPENCLAW");
    assert.equal(deviceId, "OPENCLAW");
    const query = { device_keys: { [matrixAgent]: [] } };
    type Keys = Record<string, Record<string, unknown>>;
    const before = (await call(accessToken, "POST", "/_matrix/client/v3/keys/query", query)) as Record<string, Keys>;
    const ours = {
      master_key: before["master_keys"]?.[matrixAgent],
      self_signing_key: before["self_signing_keys"]?.[matrixAgent],
      user_signing_key: before["user_signing_keys"]?.[matrixAgent],
    };
    const evil = Buffer.alloc(32, 7).toString("base64").replace("=", "");
    const forged = Object.fromEntries(
      ["master", "self_signing", "user_signing"].map((usage) => [
        `${usage}_key`,
        { user_id: matrixAgent, usage: [usage], keys: { [`ed25519:${evil}`]: evil } },
      ]),
    );
    await call(accessToken, "POST", "/_matrix/client/v3/keys/device_signing/upload", forged);
    await on.owner.say(room, "hello");
    await red(/the identity on the homeserver is another one: somebody has reset it/);
    const after = (await call(accessToken, "POST", "/_matrix/client/v3/keys/query", query)) as Record<string, Keys>;
    assert.deepEqual(after["master_keys"]?.[matrixAgent]?.["keys"], { [`ed25519:${evil}`]: evil });

    await call(accessToken, "POST", "/_matrix/client/v3/keys/device_signing/upload", ours);
    await on.owner.say(room, "again");
    await green();
    await on.owner.say(room, "and signed");
    await on.answer(room, /and signed/);
    assert.equal(await on.owner.isSigned(matrixAgent, "OPENCLAW"), true);
  });
});

test("a device that was deleted on the homeserver is there again with its keys, and nothing is lost", async () => {
  const room = await on.room();
  await on.owner.say(room, "before");
  await on.answer(room, "You said: before");
  const { accessToken } = on.homeserver.login(matrixAgent, "OPENCLAW");
  const ed25519 = async (): Promise<unknown> => {
    const query = { device_keys: { [matrixAgent]: [] } };
    const { device_keys } = (await call(accessToken, "POST", "/_matrix/client/v3/keys/query", query)) as {
      device_keys: Record<string, Record<string, { keys: unknown }>>;
    };
    return device_keys[matrixAgent]?.["OPENCLAW"]?.keys;
  };
  const before = await ed25519();
  assert.ok(before);
  await call(accessToken, "DELETE", "/_matrix/client/v3/devices/OPENCLAW");
  assert.equal(await ed25519(), undefined);

  // The next pull notices.
  await on.owner.say(room, "into the void");
  await until(ed25519);
  assert.deepEqual(await ed25519(), before);
  await on.owner.say(room, "after");
  await on.answer(room, "You said: after");
  await green();
  assert.equal(await on.owner.isSigned(matrixAgent, "OPENCLAW"), true);
});
