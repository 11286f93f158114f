/** The whole life of a gateway, its key changed in the middle: processes, real encryption, the command line. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { takeCheckpoints } from "../../lib/audit/checkpoint-take.ts";
import { createKeyring, newKey } from "../../lib/seal.ts";
import { createWorld, type World } from "../faults/world.ts";
import { pendingOf, withApprovals } from "../support/approvals.ts";
import { claw, type ClawResult } from "../support/claw.ts";
import { type EncryptedPerson, startEncryptedPerson } from "../support/encrypted-person.ts";
import { encryptedConfig } from "../support/encrypted-stage.ts";
import { testEnvironment } from "../support/gateway.ts";
import { scanDatabase } from "../support/database-scan.ts";
import type { StandInHomeserver } from "../support/homeserver.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn } from "../support/matrix-config.ts";
import type { Script } from "../support/model-server.ts";
import { until } from "../support/until.ts";

const room = "!room1:home.example";
const person = 1001;
const oldKey = testEnvironment["OPENCLAW_KEY"] ?? "";
const freshKey = newKey();

let world: World;
let homeserver: StandInHomeserver;
let owner: EncryptedPerson;
let directory: string;

/** Calls the tools that are named in what was said, as `name {json}`; then says what came of it. */
const calling: Script = ({ messages }) => {
  const last = messages.at(-1);
  if (last?.role === "tool") return { text: `It came to: ${String(last.content)}` };
  const said = String(messages.findLast(({ role }) => role === "user")?.content);
  const [, name, args = "{}"] = /([a-z]+_[a-z]+) (\{.*\})/s.exec(said) ?? [];
  if (name === undefined) return { text: `You said: ${said.replaceAll(/^@[^ ]+: /gm, "")}` };
  return { toolCalls: [{ name, arguments: JSON.parse(args) as object }] };
};

const run = (key: string, ...argv: string[]): Promise<ClawResult> => {
  const { home, database } = world;
  return claw(
    { ...testEnvironment, OPENCLAW_KEY: key, OPENCLAW_CONFIG: home.config, DATABASE_URL: database.url },
    ...argv,
  );
};

/** Says something on Telegram and returns the answer. */
async function telegram(text: string): Promise<string> {
  assert.equal(await world.say(person, text), 200);
  return world.heard(person);
}

/** Says something in the encrypted room and waits for its echo. */
async function encrypted(text: string): Promise<void> {
  await until(() => owner.isSigned(matrixAgent, "OPENCLAW"));
  await owner.say(room, text);
  await owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === `You said: ${text}`);
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-rotation-"));
  const identity = await generateIdentity();
  writeFileSync(join(directory, "audit.key"), `${identity}\n`);
  writeFileSync(join(directory, "new-key"), `${freshKey}\n`, { mode: 0o600 });
  const recipient = await identityToRecipient(identity);
  homeserver = await startMatrixStandIn();
  world = await createWorld({
    script: calling,
    config: (toml) =>
      encryptedConfig(withApprovals(toml).replace('"history_search"', '"history_search", "notes_*"'), homeserver.url) +
      `\n[audit]\nrecipient = "${recipient}"\ncheckpoint_file = "${directory}/checkpoints.jsonl"\n`,
  });
  owner = await startEncryptedPerson(homeserver, matrixOwner);
  homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
  homeserver.connect(world.home.publicUrl);
});
after(async () => {
  await owner.close();
  await homeserver.close();
  await world.end();
  rmSync(directory, { recursive: true });
});

const sign = (key: string): Promise<number> =>
  takeCheckpoints(world.database.sql, { key: createKeyring(key).checkpointKey(), now: new Date(), everyMinutes: 0 });

test("a gateway goes on with another key where it has stopped with the old one, and the old one is worth nothing", async (t) => {
  const { home, database } = world;
  const { sql } = database;
  let gateway = await home.start();
  await encrypted("before, encrypted");
  assert.match(await telegram('notes_write {"title":"Backups","text":"They run at three."}'), /^It came to: /);
  await telegram("The boiler was inspected.");
  await world.say(person, 'commitments_add {"text":"call the plumber"}');
  const { code } = await pendingOf(sql, `telegram:${person}`);
  await until(
    () => sql`select 1 from outbox where state <> 'sent'`,
    (rows) => rows.length === 0,
  );
  const runs = await sql<{ id: string }[]>`select id from runs where state = 'done' order by started_at`;
  assert.ok(runs.length === 3 && (await sign(oldKey)) === 1);

  await t.test("the key is not changed while the gateway runs", async () => {
    const refused = await run(oldKey, "keys", "rotate", "--new-key-file", join(directory, "new-key"));
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /a gateway uses this database: stop every one of them/);
  });
  gateway.signal("SIGTERM");
  assert.equal(await gateway.exited, 0);

  await t.test("a dry run says how much there is", async () => {
    const dry = await run(oldKey, "keys", "rotate", "--new-key-file", join(directory, "new-key"), "--dry-run");
    assert.match(
      dry.out,
      /^The old key opens \d+ values and the crypto stores of 1 agent\. Nothing was changed\.$/m,
      dry.errors,
    );
  });

  await t.test("a dry run does not migrate", async () => {
    const before = await sql`select * from drizzle.__drizzle_migrations order by id`;
    const [last] =
      await sql`delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations) returning *`;
    const dry = await run(oldKey, "keys", "rotate", "--new-key-file", join(directory, "new-key"), "--dry-run");
    assert.deepEqual([dry.code, dry.out], [1, ""]);
    assert.match(
      dry.errors,
      /tables are of an older version, and a dry run does not migrate them: start and stop the gateway/,
    );
    await sql`insert into drizzle.__drizzle_migrations ${sql(last ?? {})}`;
    assert.deepEqual(await sql`select * from drizzle.__drizzle_migrations order by id`, before);

    await sql`insert into drizzle.__drizzle_migrations (id, hash, created_at) values (10000, 'later', 9999999999999)`;
    const later = await run(oldKey, "keys", "rotate", "--new-key-file", join(directory, "new-key"), "--dry-run");
    assert.match(later.errors, /a newer version of OpenClaw has migrated this database: run that version/);
    await sql`delete from drizzle.__drizzle_migrations where id = 10000`;
  });

  await t.test("the key is changed, and no key is printed", async () => {
    const done = await run(oldKey, "keys", "rotate", "--new-key-file", join(directory, "new-key"));
    assert.equal(done.code, 0, done.errors);
    assert.match(done.out, /^Sealed with the new key: \d+ values and the crypto stores of 1 agent\.$/m);
    for (const key of [oldKey, freshKey]) assert.ok(!(done.out + done.errors).includes(key));
  });

  await t.test("with the old key no gateway starts and nothing is opened", async () => {
    await assert.rejects(home.start(), /OPENCLAW_KEY is the one from before: on .* set OPENCLAW_KEY to that one/);
    for (const argv of [
      ["audit", "show", runs[0]?.id ?? ""],
      ["approvals", "show", code],
      ["replay", runs[0]?.id ?? "", "--backend", "main"],
    ])
      assert.doesNotMatch((await run(oldKey, ...argv)).out, /encrypted|plumber|three/, argv.join(" "));
    assert.equal((await run(oldKey, "audit", "verify")).code, 1);
  });

  gateway = await home.start({ environment: { OPENCLAW_KEY: freshKey } });

  await t.test("encrypted conversations go on in the sessions they were in", async () => {
    await encrypted("after, encrypted");
    const [device] = await sql<{ device_id: string; trouble: string | null }[]>`
      select device_id, trouble from matrix_devices`;
    assert.deepEqual({ ...device }, { device_id: "OPENCLAW", trouble: null });
  });

  await t.test("notes are found, the conversation is remembered, and a question from before is decided", async () => {
    const answer = await run(freshKey, "approvals", "approve", code);
    assert.equal(answer.code, 0, answer.errors);
    const heard = async (pattern: RegExp): Promise<void> => {
      for (let tries = 0; tries < 10; tries++) if (pattern.test(await world.heard(person))) return;
      assert.fail(`nothing like ${pattern}`);
    };
    await heard(/^It came to: .*call the plumber/);
    await world.say(person, 'notes_read {"title":"backups"}');
    await heard(/They run at three/);
    await world.say(person, "and now?");
    await heard(/and now/);
    const shown = JSON.stringify(world.model.requests.at(-1)?.body);
    assert.match(shown, /boiler was inspected/);
  });

  await t.test(
    "runs from before are opened by the new key and by the operator's identity, and are replayed",
    async () => {
      const [first] = runs;
      assert.match((await run(freshKey, "audit", "show", first?.id ?? "")).out, /before, encrypted/);
      const byIdentity = await run(
        freshKey,
        "audit",
        "show",
        first?.id ?? "",
        "--identity",
        join(directory, "audit.key"),
      );
      assert.match(byIdentity.out, /before, encrypted/);
      const replayed = await run(freshKey, "replay", first?.id ?? "", "--backend", "main");
      assert.equal(replayed.code, 0, replayed.errors);
    },
  );

  await t.test("the audit trail is whole by the new key, which vouches for the old one", async () => {
    await until(
      () => sql`select 1 from outbox where state <> 'sent'`,
      (rows) => rows.length === 0,
    );
    await sign(freshKey);
    const verdict = await run(freshKey, "audit", "verify");
    assert.equal(verdict.code, 0, verdict.out + verdict.errors);
    assert.match(
      verdict.out,
      /^Those up to checkpoint 1, against .*: the key until .*, for which the next one vouches\.$/m,
    );
    assert.match(verdict.out, /^The trail is whole\.$/m);
  });

  await t.test("nothing that was sealed with the old key is left in the database, and neither key is", async () => {
    const old = createKeyring(oldKey);
    const sealed = await sql<
      { source: string; body: Uint8Array }[]
    >`select source, body from inbox where body is not null`;
    assert.ok(sealed.length > 0);
    for (const { source, body } of sealed) assert.throws(() => old.bodies.open(body, `inbox:${source}`));
    const { found, rows } = await scanDatabase(sql, [oldKey, freshKey, "before, encrypted", "They run at three"]);
    assert.deepEqual([found, rows > 100], [[], true]);
  });
});
