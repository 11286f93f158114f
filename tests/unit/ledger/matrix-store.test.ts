import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { devicePulses, renameDevice, resetDevice, takeDevice } from "../../../lib/ledger/matrix-devices.ts";
import { commitStore, FencedError, loadStore, type StoreSchema } from "../../../lib/ledger/matrix-store.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const schema: StoreSchema = {
  crypto: { version: 2, stores: [{ name: "core", keyPath: null, autoIncrement: false, indexes: [] }] },
};
const put = (key: string, value: string) => ({ database: "crypto", store: "core", key, value });
const gone = (key: string) => ({ database: "crypto", store: "core", key });
const take = (user: string, holder = "one") => takeDevice(database.sql, user, holder, "OPENCLAW");
const keysOf = async (user: string): Promise<Record<string, string>> =>
  Object.fromEntries(((await loadStore(database.sql, user))?.records ?? []).map(({ key, value }) => [key, value]));

describe("a crypto store", () => {
  test("is not there before its first commit, and then is what was committed last", async () => {
    const user = "@a:home.example";
    const { epoch, isNew } = await take(user);
    assert.deepEqual([epoch, isNew], [1, true]);
    assert.equal(await loadStore(database.sql, user), undefined);
    await commitStore(database.sql, { user, epoch }, { puts: [put("a", "1"), put("b", "1")], deletes: [] }, schema);
    await commitStore(
      database.sql,
      { user, epoch },
      { puts: [put("a", "2"), put("c", "1")], deletes: [gone("b"), gone("x")] },
    );
    assert.deepEqual(await loadStore(database.sql, user).then((store) => store?.schema), schema);
    assert.deepEqual(await keysOf(user), { a: "2", c: "1" });
    assert.equal((await take(user)).isNew, false);
  });

  test("is its owner's alone", async () => {
    const [one, two] = ["@b1:home.example", "@b2:home.example"];
    for (const user of [one, two]) {
      const { epoch } = await take(user);
      await commitStore(database.sql, { user, epoch }, { puts: [put("same", user)], deletes: [] }, schema);
    }
    await commitStore(database.sql, { user: one, epoch: 1 }, { puts: [], deletes: [gone("same")] });
    assert.deepEqual([await keysOf(one), await keysOf(two)], [{}, { same: two }]);
  });

  test("refuses an earlier holder's puts, deletes, schema and empty commits, whole", async () => {
    const user = "@c:home.example";
    const { epoch: stale } = await take(user, "one");
    await commitStore(database.sql, { user, epoch: stale }, { puts: [put("a", "1")], deletes: [] }, schema);
    const { epoch } = await take(user, "two");
    const fence = { user, epoch: stale };
    await assert.rejects(
      commitStore(database.sql, fence, { puts: [put("a", "2"), put("b", "2")], deletes: [] }),
      FencedError,
    );
    await assert.rejects(commitStore(database.sql, fence, { puts: [], deletes: [gone("a")] }), FencedError);
    await assert.rejects(commitStore(database.sql, fence, { puts: [], deletes: [] }, {}), FencedError);
    await assert.rejects(commitStore(database.sql, fence, { puts: [], deletes: [] }), FencedError);
    assert.deepEqual(await keysOf(user), { a: "1" });
    assert.deepEqual((await loadStore(database.sql, user))?.schema, schema);
    assert.deepEqual((await devicePulses(database.sql, [user])).get(user), { epoch, waiting: false });
  });

  test("makes a new holder wait for the commit that is under way, and it then finds all of it", async () => {
    const user = "@d:home.example";
    const { epoch } = await take(user);
    const [committing, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const commit = database.sql.begin(async (tx) => {
      await commitStore(tx, { user, epoch }, { puts: [put("a", "1")], deletes: [] }, schema);
      committing.resolve();
      await proceed.promise;
    });
    await committing.promise;
    let taken = false;
    const taking = take(user, "two").then((found) => {
      taken = true;
      return found;
    });
    // One more round trip on another connection: were it not locked, the take-over would be done.
    await database.sql`select pg_sleep(0.05)`;
    assert.equal(taken, false);
    proceed.resolve();
    await commit;
    assert.deepEqual(await taking.then(({ epoch: next, isNew }) => [next, isNew]), [epoch + 1, false]);
    assert.deepEqual(await keysOf(user), { a: "1" });
  });

  test("gets another device only while it is empty, and only from its holder", async () => {
    const user = "@e:home.example";
    const { epoch } = await take(user);
    await renameDevice(database.sql, user, epoch + 1, "STALE");
    await renameDevice(database.sql, user, epoch, "FRESH");
    await commitStore(database.sql, { user, epoch }, { puts: [], deletes: [] }, schema);
    await renameDevice(database.sql, user, epoch, "TOO_LATE");
    assert.equal((await take(user)).deviceId, "FRESH");
  });

  test("is dropped by a reset, which fences its holder", async () => {
    const user = "@f:home.example";
    const { epoch } = await take(user);
    await commitStore(database.sql, { user, epoch }, { puts: [put("a", "1")], deletes: [] }, schema);
    assert.equal(await resetDevice(database.sql, "@nobody:home.example", "NEXT", false), false);
    assert.equal(await resetDevice(database.sql, user, "NEXT", false), true);
    await assert.rejects(
      commitStore(database.sql, { user, epoch }, { puts: [put("a", "2")], deletes: [] }),
      FencedError,
    );
    assert.equal(await loadStore(database.sql, user), undefined);
    assert.deepEqual([...(await database.sql`select 1 from matrix_crypto where user_id = ${user}`)], []);
    const taken = await take(user);
    assert.deepEqual([taken.deviceId, taken.isNew], ["NEXT", true]);
  });
});
