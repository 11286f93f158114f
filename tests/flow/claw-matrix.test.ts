import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { compileCache } from "../support/compile-cache.ts";
import { type EncryptedPerson, startEncryptedPerson } from "../support/encrypted-person.ts";
import { testEnvironment } from "../support/gateway.ts";
import type { StandInHomeserver } from "../support/homeserver.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn, withMatrix } from "../support/matrix-config.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
const room = "!secret:home.example";
const helper = "@agent_helper:home.example";
let homeserver: StandInHomeserver;
let stage: Stage;
let owner: EncryptedPerson;

before(async () => {
  homeserver = await startMatrixStandIn();
  homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
  stage = await startStage({
    script: { text: "Hello back." },
    config: (toml) =>
      withMatrix(toml, homeserver.url)
        .replace(/matrix = \{.*\}/, `matrix = { localpart = "agent_ops", rooms = ["${room}"], answer = "always" }`)
        .replace(/^description = "Helps everybody"/m, '$&\nmatrix = { localpart = "agent_helper" }'),
  });
  homeserver.connect(stage.gateway.publicUrl);
  owner = await startEncryptedPerson(homeserver, matrixOwner);
  await until(async () => {
    const ready = (await (await fetch(`${stage.gateway.privateUrl}/readyz`)).json()) as Record<string, { ok: boolean }>;
    return ready["matrix"]?.ok && ready["matrix.ops"]?.ok && ready["matrix.helper"]?.ok;
  });
});
after(async () => {
  await owner.close();
  await homeserver.close();
  await stage.stop();
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** A `claw` beside the gateway, with its environment. */
function claw(...argv: string[]): Running {
  const child = spawn(process.execPath, [join(root, "functions/claw.ts"), "matrix", ...argv], {
    cwd: root,
    env: {
      ...compileCache,
      ...testEnvironment,
      OPENCLAW_CONFIG: stage.gateway.holder.current.file,
      DATABASE_URL: stage.gateway.databaseUrl,
    },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output: () => output, ended };
}

async function run(...argv: string[]): Promise<{ code: number | null; output: string }> {
  const { child, output, ended } = claw(...argv);
  child.stdin?.end();
  return { code: await ended, output: output() };
}

/** Says something and waits until the model is asked. */
async function asks(text: string): Promise<void> {
  const before = stage.model.requests.length;
  await owner.say(room, text);
  await until(async () => stage.model.requests.length > before);
}

describe("claw matrix", () => {
  before(async () => {
    // Their client knows the agent's device from then on, as one that follows the room does.
    await asks("hello");
  });

  test("keys shows each agent's device, fingerprint, cross-signing, one-time keys and last pull", async () => {
    const { code, output } = await run("keys");
    assert.equal(code, 0, output);
    assert.match(output, /^ops: @agent_ops:home\.example\n {2}device +OPENCLAW\n {2}fingerprint +\S{4} \S{4} /m);
    assert.equal(output.match(/cross-signed +yes, as the homeserver shows it/g)?.length, 2);
    assert.match(output, /one-time keys +50 left/);
    assert.match(output, /last pull +\d+ s ago/);
    assert.equal(output.match(/state +well/g)?.length, 2);
  });

  test("selftest sends an encrypted message between two agents and reports each leg, twice in one room", async () => {
    for (let round = 0; round < 2; round++) {
      const { code, output } = await run("selftest");
      assert.equal(code, 0, output);
      assert.match(output, /room: !\S+, both joined\n +sent: keys shared, encrypted and accepted in \d+ ms\n/);
      assert.match(output, new RegExp(`received: pushed, key fetched and decrypted by ${helper}, \\d+ ms`));
    }
    const rooms = await stage.gateway.sql`select distinct room_id from matrix_rooms where origin = 'selftest'`;
    assert.equal(rooms.length, 1);
    assert.equal(stage.model.requests.length, 1, "no run comes of it");
  });

  test("verify asks the person, shows the emoji, and ends with both knowing each other", async () => {
    const { child, output, ended } = claw("verify", "ops", "--with", `matrix:${matrixOwner}`, "--room", room);
    const verification = await owner.acceptVerification(matrixAgent);
    const emoji = await verification.emoji();
    await until(async () => output().includes("Are they the same"));
    assert.ok(
      emoji.every((symbol) => output().includes(symbol)),
      output(),
    );
    child.stdin?.write("y\n");
    await verification.confirm();
    assert.equal(await ended, 0, output());
    assert.match(output(), /Verified: @me:home\.example and @agent_ops:home\.example know each other's keys/);
    assert.equal(await owner.isVerified(matrixAgent), true);
    const { output: known } = await run("keys");
    assert.match(known, /people:\n {2}@me:home\.example: [^\n]+ \(verified\)/);
  });

  test("verify goes on with a request that the person began in their client", async () => {
    const verification = await owner.startVerification(matrixAgent, room);
    const { child, output, ended } = claw("verify", "ops", "--with", `matrix:${matrixOwner}`);
    const emoji = await verification.emoji();
    await until(async () => output().includes("Are they the same"));
    assert.ok(
      emoji.every((symbol) => output().includes(symbol)),
      output(),
    );
    child.stdin?.write("y\n");
    await verification.confirm();
    assert.equal(await ended, 0, output());
  });

  test("a no to the emoji cancels on both sides and fails", async () => {
    const { child, output, ended } = claw("verify", "ops", "--with", `matrix:${matrixOwner}`, "--room", room);
    const verification = await owner.acceptVerification(matrixAgent);
    await verification.emoji();
    await until(async () => output().includes("Are they the same"));
    child.stdin?.write("n\n");
    assert.equal(await ended, 1, output());
    await assert.rejects(verification.confirm(), (thrown: Error) =>
      /mismatched_sas/.test(String((thrown.cause as Error | undefined)?.message)),
    );
  });

  test("trust believes a reset identity that was refused, and says so before", async () => {
    assert.match((await run("trust", `matrix:${matrixOwner}`)).output, /nothing of @me:home\.example was refused/);
    assert.match((await run("trust", "me")).output, /give it whole, as "matrix:@name:server"/);
    await asks("hello");
    await owner.resetIdentity();
    await owner.say(room, "it is me, really");
    await owner.waitForAnswer(room, matrixAgent, ({ content }) =>
      /identity is not the one/.test(String(content["body"])),
    );
    const refused = await run("trust", `matrix:${matrixOwner}`);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /refused: identity .*nobody is here to answer/s);
    const { code, output } = await run("trust", `matrix:${matrixOwner}`, "--yes");
    assert.equal(code, 0, output);
    await asks("and now?");
  });

  test("reset gives the agent a new device under the same identity, and it answers again", async () => {
    const identityOf = async (): Promise<unknown> =>
      (
        await stage.gateway
          .sql`select master_key, device_id, ed25519 from matrix_devices where user_id = ${matrixAgent}`
      )[0];
    const before = (await identityOf()) as { master_key: string; device_id: string; ed25519: string | null };
    const { code, output } = await run("reset", "ops", "--yes");
    assert.equal(code, 0, output);
    await until(async () => {
      const { ok } = (
        (await (await fetch(`${stage.gateway.privateUrl}/readyz`)).json()) as Record<string, { ok: boolean }>
      )["matrix.ops"] ?? { ok: false };
      const now = (await identityOf()) as { master_key: string; device_id: string; ed25519: string | null };
      return ok && now.ed25519 !== null && now.device_id !== before.device_id && now.master_key === before.master_key;
    });
    await asks("still there?");
  });
});
