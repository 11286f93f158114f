/** A gateway whose database is lost and restored, beside a Synapse and a client (matrix-js-sdk) that went on. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { connect } from "../../lib/db/client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import type { EncryptedPerson } from "./support/encrypted-person.ts";
import {
  answerWith,
  directChat,
  type EncryptedStage,
  ops,
  startEncryptedStage,
  timesSaid,
} from "./support/encrypted-stage.ts";
import { poll } from "./support/poll.ts";
import type { ShippedGateway } from "./support/shipped.ts";

describe("an encrypted conversation on Synapse, after the gateway's database was lost", () => {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-live-backup-"));
  const identity = join(directory, "identity.txt");
  let recipient: string;
  let database: TestDatabase;
  let stage: EncryptedStage;
  let gateway: ShippedGateway;
  let ada: EncryptedPerson;
  let room: string;

  before(async () => {
    const secret = await generateIdentity();
    recipient = await identityToRecipient(secret);
    writeFileSync(identity, `${secret}\n`, { mode: 0o600 });
    database = await createTestDatabase();
    stage = await startEncryptedStage({ databaseUrl: database.url });
    ada = await stage.person("ada");
    gateway = await stage.start();
    room = await directChat(ada, ops);
    await exchange("hello");
  });
  after(async () => {
    await stage?.stop();
    await database.drop();
    rmSync(directory, { recursive: true });
  });

  const exchange = async (text: string): Promise<void> => {
    await ada.say(room, text);
    await answerWith(ada, room, ops, text);
  };

  const device = async (): Promise<string> =>
    /device (\w+)$/.exec((await stage.ready())["matrix.ops"]?.reason ?? "")?.[1] ?? assert.fail();

  async function backUp(name: string): Promise<string> {
    const file = join(directory, name);
    const { code, output } = await stage.claw("backup", "--to", file, "--recipient", recipient);
    assert.equal(code, 0, output);
    return file;
  }

  /** Drops everything the gateway had and restores it from the file. */
  async function restore(file: string, ...options: string[]): Promise<string> {
    const address = new URL(database.url);
    const name = address.pathname.slice(1);
    address.pathname = "/postgres";
    const admin = connect(address.href, { max: 1 });
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.unsafe(`create database ${name} template template0`);
    await admin.end();
    const { code, output } = await stage.claw("restore", file, "--identity", identity, "--only-database", ...options);
    assert.equal(code, 0, output);
    return output;
  }

  test("goes on by the same device where nothing ran since the backup, with what was said meanwhile", async () => {
    const before = await device();
    await gateway.stop();
    const file = await backUp("moved.age");
    await ada.say(room, "meanwhile");
    await restore(file, "--resume");
    gateway = await stage.start();
    await answerWith(ada, room, ops, "meanwhile");
    await exchange("moved");
    assert.equal(await device(), before);
    assert.deepEqual(timesSaid(ada, room, ops, ["hello", "meanwhile", "moved"]), [1, 1, 1]);
  });

  test("goes on by a new device of the same identity where words were exchanged since the backup; what came between stays unread, and nothing is said twice", async () => {
    const before = await device();
    const file = await backUp("nightly.age");
    for (const text of ["between1", "between2", "between3"]) await exchange(text);
    await gateway.kill();
    const unread = await ada.say(room, "unheard");
    const output = await restore(file);
    assert.match(output, /Matrix devices: those agents get new ones/);
    gateway = await stage.start();
    const fresh = await device();
    assert.notEqual(fresh, before);
    await poll("the person's client to see the new device alone", async () => {
      const devices = (await ada.crypto.getUserDeviceInfo([ops], true)).get(ops);
      return [...(devices?.keys() ?? [])].join() === fresh || undefined;
    });
    assert.equal((await ada.crypto.getDeviceVerificationStatus(ops, fresh))?.signedByOwner, true);
    await exchange("restored");
    await exchange("again");
    assert.deepEqual(timesSaid(ada, room, ops, ["hello", "between1", "between2", "between3", "restored", "again"]), [
      ...[1, 1, 1, 1, 1, 1],
    ]);
    const rows = await stage.sql<{ reason: string }[]>`
      select reason from inbox where source like ${`%${unread}%#encrypted`}`;
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      ["no key"],
    );
    assert.deepEqual(timesSaid(ada, room, ops, ["unheard"]), [0]);
    const verify = await stage.claw("audit", "verify");
    assert.equal(verify.code, 0, verify.output);
  });
});
