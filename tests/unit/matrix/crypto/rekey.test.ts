import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { takeDevice } from "../../../../lib/ledger/matrix-devices.ts";
import { loadStore, type StoreContent } from "../../../../lib/ledger/matrix-store.ts";
import { decode, encode } from "../../../../lib/matrix/crypto/codec.ts";
import { Recorder } from "../../../../lib/matrix/crypto/indexed-db.ts";
import { AgentMachine } from "../../../../lib/matrix/crypto/machine.ts";
import { rekeyStore } from "../../../../lib/matrix/crypto/rekey.ts";
import { decryptValue, openStoreCipher } from "../../../../lib/matrix/crypto/store-cipher.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { OlmPeers, type Person, type Sent } from "../../../support/olm-peers.ts";

const owner = { user: "@agent_ops:home.example", deviceId: "OPENCLAW" };
const room = "!secret:home.example";
const [from, to] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))];

let database: TestDatabase;
let peers: OlmPeers;
let person: Person;
let content: StoreContent;
/** Said before the store was given another key. */
let sent: Sent;

type Machine = Parameters<Parameters<AgentMachine["unit"]>[0]>[0];

async function receive(olm: Machine, { toDevice }: Sent): Promise<void> {
  const { DeviceLists, DecryptionSettings, TrustRequirement } = peers.wasm;
  const settings = new DecryptionSettings(TrustRequirement.Untrusted);
  const counts = new Map([["signed_curve25519", 50]]);
  await olm.receiveSyncChanges(JSON.stringify(toDevice), new DeviceLists(), counts, new Set(), settings);
}

async function read(olm: Machine, { event }: Sent): Promise<unknown> {
  const { DecryptionSettings, TrustRequirement, RoomId } = peers.wasm;
  const settings = new DecryptionSettings(TrustRequirement.Untrusted);
  const { event: text } = await olm.decryptRoomEvent(JSON.stringify(event), new RoomId(room), settings);
  return (JSON.parse(text) as { content: { body: unknown } }).content.body;
}

/** A machine over a copy of a store. */
async function machineOver(store: StoreContent, key: Uint8Array): Promise<{ olm: Machine; close(): void }> {
  const { StoreHandle, OlmMachine, UserId, DeviceId } = peers.wasm;
  const recorder = new Recorder(`${owner.user}#${randomBytes(4).toString("hex")}`);
  await recorder.restore(store);
  const handle = await StoreHandle.openWithKey(recorder.name, key);
  const olm = await OlmMachine.initFromStore(new UserId(owner.user), new DeviceId(owner.deviceId), handle);
  return {
    olm,
    close() {
      olm.close();
      recorder.close();
    },
  };
}

const valueOf = (store: StoreContent, key: string): unknown =>
  decode(store.records.find((record) => record.key === encode(key))?.value ?? "null");

const cipherOf = (store: StoreContent, key: Uint8Array) =>
  openStoreCipher(Uint8Array.from(valueOf(store, "store_cipher") as number[]), key);

/** Every ciphertext of a store, wherever it stands. */
function ciphertexts(value: unknown): { version: number; ciphertext: string; nonce: string }[] {
  if (typeof value !== "object" || value === null) return [];
  if ("ciphertext" in value) return [value as never];
  return Object.values(value).flatMap(ciphertexts);
}

before(async () => {
  database = await createTestDatabase();
  peers = await OlmPeers.create();
  person = await peers.person("@me:home.example");
  const { epoch } = await takeDevice(database.sql, owner.user, "test", owner.deviceId);
  const machine = await AgentMachine.open({ sql: database.sql, ...owner, epoch, storeKey: from });
  const unit = machine.unit.bind(machine);
  await peers.flush(owner.user, owner.deviceId, unit);
  sent = await person.say(room, owner.user, "before the rotation");
  const { RoomId, UserId, EncryptionSettings } = peers.wasm;
  await unit((olm) => receive(olm, sent));
  await unit((olm) => olm.updateTrackedUsers([new UserId(person.user)]));
  await peers.flush(owner.user, owner.deviceId, unit);
  // The agent's own session, and a key that it lacks and asks for: the stores are all in use.
  await unit((olm) => olm.bootstrapCrossSigning(true));
  await unit((olm) => olm.shareRoomKey(new RoomId(room), [new UserId(person.user)], new EncryptionSettings()));
  const unknown = await person.say("!other:home.example", owner.user, "without its key");
  await unit((olm) => read(olm, unknown).catch(() => undefined));
  await machine.close();
  const loaded = await loadStore(database.sql, owner.user);
  assert.ok(loaded);
  content = loaded;
});
after(() => database.drop());

test("a store for another key reads what was said before, and what is said afterwards in the same session", async () => {
  const fresh = await rekeyStore(owner, content, { from, to });
  const machine = await machineOver(fresh, to);
  const { olm } = machine;
  assert.equal(await read(olm, sent), "before the rotation");
  const next = await person.say(room, owner.user, "after the rotation", true);
  await receive(olm, next);
  assert.equal(await read(olm, next), "after the rotation");
  machine.close();
});

test("the key from before opens the new store no more, nor the new key the store from before", async () => {
  const fresh = await rekeyStore(owner, content, { from, to });
  await assert.rejects(machineOver(fresh, from));
  await assert.rejects(machineOver(content, to));
});

test("every value is encrypted anew with a key that the old store did not hold; names stay", async () => {
  const fresh = await rekeyStore(owner, content, { from, to });
  const [old, now] = [cipherOf(content, from), cipherOf(fresh, to)];
  assert.notDeepEqual(old.values, now.values);
  assert.deepEqual(old.names, now.names);
  let seen = 0;
  const stores = new Set<string>();
  for (const record of fresh.records)
    for (const value of ciphertexts(decode(record.value))) {
      assert.throws(() => decryptValue(old, value));
      decryptValue(now, value);
      stores.add(record.store);
      seen += 1;
    }
  assert.ok(seen > 5 && stores.size >= 5, `${seen} values in ${[...stores].join(", ")}`);
  assert.deepEqual(
    fresh.records.map(({ store, key }) => `${store} ${key}`),
    content.records.map(({ store, key }) => `${store} ${key}`),
  );
  // What is not a ciphertext is as it was.
  const bare = (store: StoreContent): string[] =>
    store.records
      .filter(({ value }) => ciphertexts(decode(value)).length === 0 && !/^\[/.test(value))
      .map(({ value }) => value);
  assert.deepEqual(bare(fresh), bare(content));
});

test("the wrong key, a damaged value and a form that is not known are refused, with the agent's name", async () => {
  await assert.rejects(rekeyStore(owner, content, { from: to, to: from }), {
    message: /^@agent_ops:home\.example: its crypto store cannot be encrypted anew: it is wrapped with another key$/,
  });
  const damaged = (change: (record: StoreContent["records"][number]) => string): StoreContent => ({
    schema: content.schema,
    records: content.records.map((record) => ({ ...record, value: change(record) })),
  });
  const account = ({ key }: { key: string }): boolean => key === encode("account");
  const changes: ((value: string) => string)[] = [
    (value) => value.replace(/"ciphertext":"(.)/, (_, one) => `"ciphertext":"${one === "A" ? "B" : "A"}`),
    (value) => value.replace('"version":1', '"version":2'),
    () => encode(new Uint8Array([1, 2, 3])),
    () => encode([1, 2, 3]),
  ];
  for (const change of changes)
    await assert.rejects(
      rekeyStore(
        owner,
        damaged((record) => (account(record) ? change(record.value) : record.value)),
        { from, to },
      ),
      { code: "environment" },
    );
  const form = damaged((record) => (record.key === encode("store_cipher") ? encode([1, 2, 3]) : record.value));
  await assert.rejects(rekeyStore(owner, form, { from, to }), { message: /was matrix-sdk-crypto-wasm upgraded/ });
  await assert.rejects(rekeyStore(owner, { ...content, records: [] }, { from, to }), {
    message: /has 0 keys of its own/,
  });
});
