import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import { takeDevice } from "../../../../lib/ledger/matrix-devices.ts";
import { FencedError, loadStore, type StoreChanges, type StoreContent } from "../../../../lib/ledger/matrix-store.ts";
import { Recorder } from "../../../../lib/matrix/crypto/indexed-db.ts";
import { AgentMachine } from "../../../../lib/matrix/crypto/machine.ts";
import { createKeyring, newKey } from "../../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { OlmPeers, type Person, type Sent } from "../../../support/olm-peers.ts";

const agent = "@agent_ops:home.example";
const device = "OPENCLAW";
const room = "!secret:home.example";
const keyring = createKeyring(newKey());

let database: TestDatabase;
let peers: OlmPeers;
let person: Person;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** As a process does that takes the agent: whatever an earlier one knew and did not commit is gone. */
async function open(storeKey = keyring.matrixStore(agent)): Promise<AgentMachine> {
  const { epoch } = await takeDevice(database.sql, agent, "test", device);
  return AgentMachine.open({ sql: database.sql, user: agent, deviceId: device, epoch, storeKey });
}

const receive = (olm: OlmMachine, { toDevice }: Pick<Sent, "toDevice">): Promise<unknown> => {
  const { DeviceLists, DecryptionSettings, TrustRequirement } = peers.wasm;
  const counts = new Map([["signed_curve25519", 50]]);
  const settings = new DecryptionSettings(TrustRequirement.Untrusted);
  return olm.receiveSyncChanges(JSON.stringify(toDevice), new DeviceLists(), counts, new Set(), settings);
};

const read = async (olm: OlmMachine, { event }: Sent): Promise<unknown> => {
  const { DecryptionSettings, TrustRequirement, RoomId } = peers.wasm;
  const settings = new DecryptionSettings(TrustRequirement.Untrusted);
  const { event: text } = await olm.decryptRoomEvent(JSON.stringify(event), new RoomId(room), settings);
  return (JSON.parse(text) as { content: { body: unknown } }).content.body;
};

/** Calls back whenever an IndexedDB transaction has written something and is complete. */
function watchTransactions(heard: () => void): () => void {
  const { prototype } = (globalThis as unknown as { IDBDatabase: { prototype: Transacting } }).IDBDatabase;
  interface Transacting {
    transaction(...given: unknown[]): { mode: string; addEventListener(name: string, heard: () => void): void };
  }
  const original = Object.getOwnPropertyDescriptor(prototype, "transaction") as { value: Transacting["transaction"] };
  prototype.transaction = function (this: Transacting, ...given) {
    const transaction = original.value.apply(this, given);
    if (transaction.mode === "readwrite") transaction.addEventListener("complete", heard);
    return transaction;
  };
  return () => Object.defineProperty(prototype, "transaction", original);
}

beforeEach(async () => {
  await database.sql`truncate matrix_devices, matrix_crypto`;
  peers = await OlmPeers.create();
  person = await peers.person("@me:home.example");
  const first = await open();
  await peers.flush(agent, device, first.unit.bind(first));
  await first.close();
});

describe("a message whose room key comes in a new session", () => {
  test("makes the machine write in several IndexedDB transactions, and a writer of each would lose the key", async () => {
    const sent = await person.say(room, agent, "hello");
    const before = await loadStore(database.sql, agent);
    assert.ok(before);

    // One call, each of its transactions kept by itself.
    const kept: StoreChanges[] = [];
    const naive = new Recorder(`${agent}#naive`);
    await naive.restore(before);
    const machine = await openOver(naive);
    naive.take();
    const stop = watchTransactions(() => {
      const changes = naive.take();
      if (changes.puts.length + changes.deletes.length > 0) kept.push(changes);
    });
    await receive(machine, sent);
    stop();
    assert.equal(await read(machine, sent), "hello");
    machine.close();
    naive.close();
    assert.ok(kept.length >= 2, `${kept.length} transactions`);

    // Killed after each of them, restarted, and the homeserver delivers again.
    const outcomes: boolean[] = [];
    for (let killedAfter = 0; killedAfter <= kept.length; killedAfter++) {
      const recorder = new Recorder(`${agent}#killed-after-${killedAfter}`);
      await recorder.restore(withChanges(before, kept.slice(0, killedAfter)));
      const again = await openOver(recorder);
      await receive(again, sent);
      outcomes.push(
        await read(again, sent).then(
          () => true,
          () => false,
        ),
      );
      again.close();
      recorder.close();
    }
    assert.equal(outcomes[0], true, "nothing kept: delivered again, it is read");
    assert.equal(outcomes.at(-1), true, "all kept: delivered again, it is read");
    assert.ok(outcomes.includes(false), "killed between two transactions, the key is lost for good");
  });

  test("is all or nothing where the process dies in the middle of the call or of its commit, and is read when delivered again", async () => {
    const sent = await person.say(room, agent, "hello");
    const before = await loadStore(database.sql, agent);
    const dying = await open();
    let transactions = 0;
    const stop = watchTransactions(() => (transactions += 1));
    const died = dying.unit(
      (olm) => receive(olm, sent),
      async () => Promise.reject(new Error("killed")),
    );
    await assert.rejects(died, /killed/);
    stop();
    assert.ok(transactions >= 2, "it was in the middle of it");
    assert.deepEqual(sorted(await loadStore(database.sql, agent)), sorted(before));
    assert.match(String(dying.broken), /killed/);
    await assert.rejects(
      dying.unit(async () => 1),
      /killed/,
      "what knows more than the database is of no use",
    );

    const next = await open();
    await next.unit((olm) => receive(olm, sent));
    assert.equal(await next.unit((olm) => read(olm, sent)), "hello");
    await Promise.all([dying.close(), next.close()]);
  });

  test("is read after a death behind the commit, whether it is delivered again or not, in this session and the next", async () => {
    const sent = await person.say(room, agent, "hello");
    const one = await open();
    await one.unit((olm) => receive(olm, sent));
    // Not closed: it is dead.
    const two = await open();
    assert.equal(await two.unit((olm) => read(olm, sent)), "hello");
    await two.unit((olm) => receive(olm, sent));
    assert.equal(await two.unit((olm) => read(olm, sent)), "hello");
    for (const [index, fresh] of [false, true, true].entries()) {
      const more = await person.say(room, agent, `more ${index}`, fresh);
      await two.unit((olm) => receive(olm, more));
      assert.equal(await two.unit((olm) => read(olm, more)), `more ${index}`);
    }
    await Promise.all([one.close(), two.close()]);
  });
});

describe("a machine over Postgres", () => {
  test("commits what the work changed with what follows from it, or neither", async () => {
    await database.sql`create table said (text text primary key)`;
    const machine = await open();
    const [one, two] = [await person.say(room, agent, "one"), await person.say(room, agent, "two", true)];
    await machine.unit(
      (olm) => receive(olm, one),
      (tx) => tx`insert into said values ('one')`,
    );
    await assert.rejects(
      machine.unit(
        (olm) => receive(olm, two),
        (tx) => tx`insert into said values ('two'), ('one')`,
      ),
      /duplicate key/,
    );
    await machine.close();
    const next = await open();
    assert.equal(await next.unit((olm) => read(olm, one)), "one");
    await assert.rejects(next.unit((olm) => read(olm, two)));
    assert.deepEqual([...(await database.sql`select text from said`)], [{ text: "one" }]);
    await database.sql`drop table said`;
    await next.close();
  });

  test("keeps what failing work had changed until then, and goes on", async () => {
    const machine = await open();
    const sent = await person.say(room, agent, "hello");
    const failing = machine.unit(async (olm) => {
      await receive(olm, sent);
      throw new Error("afterwards");
    });
    await assert.rejects(failing, /afterwards/);
    assert.equal(machine.broken, undefined);
    const next = await open();
    assert.equal(await next.unit((olm) => read(olm, sent)), "hello");
    await Promise.all([machine.close(), next.close()]);
  });

  test("whose library crashes commits nothing of that piece of work, and is broken from then on", async () => {
    const machine = await open();
    const before = await loadStore(database.sql, agent);
    const sent = await person.say(room, agent, "hello");
    const crashing = machine.unit(async (olm) => {
      await receive(olm, sent);
      throw Object.assign(new Error("unreachable"), { name: "RuntimeError" });
    });
    await assert.rejects(crashing, /unreachable/);
    await assert.rejects(
      machine.unit(async () => undefined),
      /unreachable/,
    );
    assert.deepEqual(sorted(await loadStore(database.sql, agent)), sorted(before));
    const next = await open();
    await next.unit((olm) => receive(olm, sent));
    assert.equal(await next.unit((olm) => read(olm, sent)), "hello");
    await Promise.all([machine.close(), next.close()]);
  });

  test("that another process has taken meanwhile writes nothing more, and is broken from then on", async () => {
    const stale = await open();
    const sent = await person.say(room, agent, "hello");
    const [working, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const late = stale.unit(async (olm) => {
      await receive(olm, sent);
      working.resolve();
      await proceed.promise;
    });
    await working.promise;
    const owner = await open();
    proceed.resolve();
    await assert.rejects(late, FencedError);
    await assert.rejects(
      stale.unit(async () => undefined),
      FencedError,
    );
    await owner.unit((olm) => receive(olm, sent));
    assert.equal(await owner.unit((olm) => read(olm, sent)), "hello");
    await Promise.all([stale.close(), owner.close()]);
  });

  test("keeps its keys over restarts, and nothing of them in the clear", async () => {
    const identity = (olm: OlmMachine): Promise<string> => Promise.resolve(olm.identityKeys.ed25519.toBase64());
    const machine = await open();
    const before = await machine.unit(identity);
    const sent = await person.say(room, agent, "hello");
    await machine.unit((olm) => receive(olm, sent));
    await machine.close();
    const next = await open();
    assert.equal(await next.unit(identity), before);
    await next.close();
    const store = await loadStore(database.sql, agent);
    const text = JSON.stringify(store?.records.map(({ key, value }) => [key, value]));
    const { content } = sent.event as { content?: { session_id?: string } };
    for (const secret of [room, content?.session_id ?? "no session", before, "megolm"])
      assert.ok(!text.includes(secret));
  });

  test("says of a wrong OPENCLAW_KEY that it is one, and harms nothing", async () => {
    await assert.rejects(
      open(createKeyring(newKey()).matrixStore(agent)),
      /is OPENCLAW_KEY the one it was made with\?/,
    );
    const machine = await open();
    assert.equal(machine.broken, undefined);
    await machine.close();
  });

  test("leaves nothing of itself in memory once it is closed", async () => {
    const { indexedDB } = globalThis as unknown as { indexedDB: { databases(): Promise<{ name: string }[]> } };
    const machine = await open();
    assert.ok((await indexedDB.databases()).some(({ name }) => name.startsWith(agent)));
    await machine.close();
    assert.deepEqual(
      (await indexedDB.databases()).filter(({ name }) => name.startsWith(agent)),
      [],
    );
  });
});

async function openOver(recorder: Recorder): Promise<OlmMachine> {
  const { StoreHandle, OlmMachine: Machine, UserId, DeviceId } = peers.wasm;
  const handle = await StoreHandle.openWithKey(recorder.name, keyring.matrixStore(agent));
  return Machine.initFromStore(new UserId(agent), new DeviceId(device), handle);
}

/** A store's content with further changes. */
function withChanges({ schema, records }: StoreContent, changes: readonly StoreChanges[]): StoreContent {
  const place = ({ database: name, store, key }: { database: string; store: string; key: string }): string =>
    `${name} ${store} ${key}`;
  const content = new Map(records.map((record) => [place(record), record]));
  for (const { puts, deletes } of changes) {
    for (const record of puts) content.set(place(record), record);
    for (const record of deletes) content.delete(place(record));
  }
  return { schema, records: [...content.values()] };
}

const sorted = (store: StoreContent | undefined): string[] =>
  (store?.records ?? []).map((record) => JSON.stringify(record)).sort();
