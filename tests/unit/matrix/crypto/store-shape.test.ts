import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { takeDevice } from "../../../../lib/ledger/matrix-devices.ts";
import { loadStore } from "../../../../lib/ledger/matrix-store.ts";
import { encode } from "../../../../lib/matrix/crypto/codec.ts";
import { forgetRoomKeys } from "../../../../lib/matrix/crypto/forget.ts";
import { AgentMachine } from "../../../../lib/matrix/crypto/machine.ts";
import { createKeyring, newKey } from "../../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { OlmPeers, type Person, type Sent } from "../../../support/olm-peers.ts";

const agent = "@agent_ops:home.example";
const keyring = createKeyring(newKey());

let database: TestDatabase;
let peers: OlmPeers;
let person: Person;
let machine: AgentMachine;

async function open(): Promise<AgentMachine> {
  const { epoch } = await takeDevice(database.sql, agent, "test", "OPENCLAW");
  const storeKey = keyring.matrixStore(agent);
  return AgentMachine.open({ sql: database.sql, user: agent, deviceId: "OPENCLAW", epoch, storeKey });
}

before(async () => {
  database = await createTestDatabase();
  peers = await OlmPeers.create();
  person = await peers.person("@me:home.example");
  machine = await open();
  await peers.flush(agent, "OPENCLAW", machine.unit.bind(machine));
});
after(async () => {
  await machine.close();
  await database.drop();
});

async function receive(sent: Sent): Promise<void> {
  const { DeviceLists, DecryptionSettings, TrustRequirement } = peers.wasm;
  await machine.unit((olm) => {
    const settings = new DecryptionSettings(TrustRequirement.Untrusted);
    const counts = new Map([["signed_curve25519", 50]]);
    return olm.receiveSyncChanges(JSON.stringify(sent.toDevice), new DeviceLists(), counts, new Set(), settings);
  });
}

const canRead = (sent: Sent): Promise<boolean> =>
  machine.unit((olm) => {
    const { DecryptionSettings, TrustRequirement, RoomId } = peers.wasm;
    const settings = new DecryptionSettings(TrustRequirement.Untrusted);
    return olm.decryptRoomEvent(JSON.stringify(sent.event), new RoomId(sent.event.room_id), settings).then(
      () => true,
      () => false,
    );
  });

/** Says something in the room as the agent, which makes an outbound session there. */
async function speak(room: string): Promise<void> {
  const { RoomId, UserId, EncryptionSettings } = peers.wasm;
  await machine.unit((olm) => olm.updateTrackedUsers([new UserId(person.user)]));
  await peers.flush(agent, "OPENCLAW", machine.unit.bind(machine));
  await machine.unit(async (olm) => {
    await olm.shareRoomKey(new RoomId(room), [], new EncryptionSettings());
    await olm.encryptRoomEvent(new RoomId(room), "m.room.message", JSON.stringify({ body: "x" }));
  });
}

interface RawStore {
  readonly records: { values(): Iterable<{ readonly key: unknown; readonly value: unknown }> };
}

/** All records in memory, by asking fake-indexeddb itself. */
function inMemory(): string[] {
  const { _databases: databases } = (
    globalThis as unknown as { indexedDB: { _databases: Map<string, { rawObjectStores: Map<string, RawStore> }> } }
  ).indexedDB;
  return [...databases]
    .filter(([name]) => name.startsWith(`${machine.recorder.name}::`))
    .flatMap(([name, { rawObjectStores }]) =>
      [...rawObjectStores].flatMap(([store, { records }]) =>
        [...records.values()].map(({ key, value }) =>
          [name.slice(machine.recorder.name.length + 2), store, encode(key), encode(value)].join(" "),
        ),
      ),
    )
    .sort();
}

const inPostgres = async (): Promise<string[]> =>
  ((await loadStore(database.sql, agent))?.records ?? [])
    .map(({ database: name, store, key, value }) => [name, store, key, value].join(" "))
    .sort();

test("what is in Postgres is what the crypto store holds, record for record, whatever the machine did", async () => {
  await machine.unit((olm) => olm.bootstrapCrossSigning(true));
  for (const room of ["!a:home.example", "!b:home.example"]) {
    await receive(await person.say(room, agent, "hello"));
    await receive(await person.say(room, agent, "again", true));
    await speak(room);
    await machine.unit((olm) => olm.invalidateGroupSession(new peers.wasm.RoomId(room)));
    await speak(room);
  }
  const memory = inMemory();
  assert.ok(memory.length > 20, `${memory.length} records`);
  assert.deepEqual(await inPostgres(), memory);
  await machine.close();
  machine = await open();
  assert.deepEqual(await inPostgres(), inMemory(), "and after a restart");
});

const stores = async (): Promise<Map<string, number>> => {
  const rows = await database.sql<{ store: string; count: number }[]>`
    select store, count(*)::int as count from matrix_crypto where user_id = ${agent} group by store`;
  return new Map(rows.map(({ store, count }) => [store, count]));
};

test("a room that is forgotten leaves nothing in the store, and the keys of other rooms stay", async () => {
  const [kept, gone] = ["!kept:home.example", "!gone:home.example"];
  await speak(kept);
  const inKept = await person.say(kept, agent, "stays");
  await receive(inKept);
  const before = await stores();

  const inGone = [await person.say(gone, agent, "one"), await person.say(gone, agent, "two", true)];
  for (const sent of inGone) await receive(sent);
  await speak(gone);
  assert.deepEqual(await Promise.all(inGone.map(canRead)), [true, true]);
  assert.equal((await stores()).get("inbound_group_sessions3"), (before.get("inbound_group_sessions3") ?? 0) + 3);

  assert.equal(await forgetRoomKeys({ machine }, gone), 3);
  await machine.close();
  machine = await open();
  assert.equal(await canRead(inKept), true);
  assert.deepEqual(await Promise.all(inGone.map(canRead)), [false, false]);
  const left = await stores();
  for (const store of ["inbound_group_sessions3", "outbound_group_sessions"])
    assert.equal(left.get(store), before.get(store), store);
});

test("a room without any key is forgotten too, and can be spoken in afterwards", async () => {
  const room = "!new:home.example";
  assert.equal(await forgetRoomKeys({ machine }, room), 0);
  await machine.close();
  machine = await open();
  await speak(room);
  const sent = await person.say(room, agent, "hello");
  await receive(sent);
  assert.equal(await canRead(sent), true);
});
