import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type KnownIdentity,
  knownIdentities,
  noteRefused,
  pinIdentity,
  trustDevice,
  trustIdentity,
} from "../../../lib/ledger/matrix-identities.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const known = async (user: string): Promise<KnownIdentity | undefined> =>
  (await knownIdentities(database.sql, [user])).get(user);
const nothingSeen = { masterKey: undefined, device: undefined };
const phone = { id: "PHONE", ed25519: "phone-key" };

describe("a person's identity", () => {
  test("is the one first pinned: a second pin changes nothing", async () => {
    const user = "@a:home.example";
    assert.equal(await known(user), undefined);
    await pinIdentity(database.sql, user, "first");
    await pinIdentity(database.sql, user, "second");
    assert.deepEqual(await known(user), {
      user,
      masterKey: "first",
      verified: false,
      trustedDevices: [],
      seen: nothingSeen,
    });
  });

  test("is not pinned by what was refused, which is kept until it is trusted", async () => {
    const user = "@b:home.example";
    await noteRefused(database.sql, user, { masterKey: "other", device: undefined });
    await noteRefused(database.sql, user, { masterKey: undefined, device: phone });
    const refused = await known(user);
    assert.equal(refused?.masterKey, undefined);
    assert.deepEqual(refused?.seen, { masterKey: "other", device: phone });
    await pinIdentity(database.sql, user, "first");
    assert.equal((await known(user))?.masterKey, "first");
  });

  test("is replaced by the one that is trusted, and is verified only by emoji", async () => {
    const user = "@c:home.example";
    await pinIdentity(database.sql, user, "first");
    await noteRefused(database.sql, user, { masterKey: "second", device: undefined });
    await trustIdentity(database.sql, user, "second", false);
    assert.deepEqual(await known(user).then((now) => [now?.masterKey, now?.verified, now?.seen]), [
      "second",
      false,
      nothingSeen,
    ]);
    await trustIdentity(database.sql, user, "second", true);
    await trustIdentity(database.sql, user, "second", false);
    assert.equal((await known(user))?.verified, true, "what was verified stays so");
    await trustIdentity(database.sql, user, "third", false);
    assert.deepEqual(await known(user).then((now) => [now?.masterKey, now?.verified]), ["third", false]);
  });

  test("keeps the devices that are trusted, each once", async () => {
    const user = "@d:home.example";
    await noteRefused(database.sql, user, { masterKey: undefined, device: phone });
    await trustDevice(database.sql, user, phone.ed25519);
    await trustDevice(database.sql, user, phone.ed25519);
    await trustDevice(database.sql, user, "laptop-key");
    const now = await known(user);
    assert.deepEqual(now?.trustedDevices, ["phone-key", "laptop-key"]);
    assert.deepEqual(now?.seen, nothingSeen);
  });

  test("is listed with all others where nobody is named", async () => {
    const all = await knownIdentities(database.sql);
    assert.deepEqual([...all.keys()], [...all.keys()].sort());
    assert.ok(all.size >= 4);
    assert.equal((await knownIdentities(database.sql, [])).size, 0);
  });
});
