import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Recorder } from "../../../../lib/matrix/crypto/indexed-db.ts";
import type { StoreContent } from "../../../../lib/ledger/matrix-store.ts";

interface Request {
  result: unknown;
  onupgradeneeded: ((event: { target: { result: Connection } }) => void) | null;
  onsuccess: (() => void) | null;
  onerror: ((event: { preventDefault(): void }) => void) | null;
}
interface Store {
  put(value: unknown, key?: unknown): Request;
  add(value: unknown, key?: unknown): Request;
  delete(key: unknown): Request;
  clear(): Request;
  get(key: unknown): Request;
  index(name: string): { get(key: unknown): Request };
  createIndex(name: string, keyPath: string, options: { unique: boolean }): void;
}
interface Transaction {
  objectStore(name: string): Store;
  abort(): void;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}
interface Connection {
  createObjectStore(name: string, options?: { keyPath: string }): Store;
  transaction(names: string[], mode: "readwrite" | "readonly"): Transaction;
  close(): void;
}
const { indexedDB, IDBKeyRange } = globalThis as unknown as {
  indexedDB: { open(name: string, version: number): Request };
  IDBKeyRange: { bound(from: unknown, to: unknown): unknown };
};

const resultOf = <Value>(request: Request): Promise<Value> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as Value);
    request.onerror = () => reject(new Error("the request failed"));
  });

/** A database of two stores: one with keys of their own, one with a path and an index. */
function open(recorder: Recorder, database = "things"): Promise<Connection> {
  const request = indexedDB.open(`${recorder.name}::${database}`, 3);
  request.onupgradeneeded = ({ target }) => {
    target.result.createObjectStore("plain");
    target.result.createObjectStore("paths", { keyPath: "id" }).createIndex("by_room", "room", { unique: false });
  };
  return resultOf(request);
}

const write = (connection: Connection, work: (plain: Store, paths: Store, tx: Transaction) => void): Promise<string> =>
  new Promise((resolve) => {
    const tx = connection.transaction(["plain", "paths"], "readwrite");
    tx.oncomplete = () => resolve("complete");
    tx.onabort = () => resolve("aborted");
    work(tx.objectStore("plain"), tx.objectStore("paths"), tx);
  });

let recorder: Recorder;
let connection: Connection;

describe("a recorder", () => {
  beforeEach(async () => {
    recorder = new Recorder("@me:home.example#1");
    connection = await open(recorder);
    recorder.take();
  });
  afterEach(() => {
    connection.close();
    recorder.close();
  });

  test("notes puts of both kinds of store, the last value of each key, and deletes", async () => {
    await write(connection, (plain, paths) => {
      plain.put("one", "a");
      plain.put("two", "a");
      plain.put(new Uint8Array([1]), ["a", 1]);
      paths.put({ id: "x", room: "r" });
      plain.delete("never there");
    });
    assert.deepEqual(recorder.take(), {
      puts: [
        { database: "things", store: "plain", key: '"a"', value: '"two"' },
        { database: "things", store: "plain", key: '["a",1]', value: '{"$bytes":"AQ=="}' },
        { database: "things", store: "paths", key: '"x"', value: '{"id":"x","room":"r"}' },
      ],
      deletes: [],
    });
    await write(connection, (plain) => plain.delete("a"));
    assert.deepEqual(recorder.take(), { puts: [], deletes: [{ database: "things", store: "plain", key: '"a"' }] });
    assert.deepEqual(recorder.take(), { puts: [], deletes: [] });
  });

  test("notes what a range deletes and what a clear does, each as its keys", async () => {
    await write(connection, (plain, paths) => {
      for (const key of ["a", "b", "c", "d"]) plain.put(key, key);
      paths.put({ id: "x", room: "r" });
    });
    recorder.take();
    await write(connection, (plain, paths) => {
      plain.delete(IDBKeyRange.bound("b", "c"));
      paths.clear();
    });
    const { puts, deletes } = recorder.take();
    assert.deepEqual(puts, []);
    assert.deepEqual(
      deletes.map(({ key }) => key),
      ['"b"', '"c"', '"x"'],
    );
  });

  test("gives of a transaction that was rolled back what was there before", async () => {
    await write(connection, (plain) => {
      plain.put("kept", "a");
      plain.put("gone soon", "b");
    });
    recorder.take();
    const outcome = await write(connection, (plain, paths, tx) => {
      plain.put("changed", "a");
      plain.put("new", "c");
      plain.delete("b");
      paths.put({ id: "x", room: "r" }).onsuccess = () => tx.abort();
    });
    assert.equal(outcome, "aborted");
    const { puts, deletes } = recorder.take();
    // Written again as they were, or deleted though never kept: the same to whoever keeps them.
    assert.ok(puts.every(({ key, value }) => (key === '"a"' ? value === '"kept"' : value === '"gone soon"')));
    assert.ok(deletes.every(({ key }) => key === '"c"' || key === '"x"'));
  });

  test("gives a value that was put and deleted before anybody asked as deleted", async () => {
    await write(connection, (plain) => {
      plain.put("short", "a");
      plain.delete("a");
    });
    assert.deepEqual(recorder.take().puts, []);
  });

  test("puts back schema, records and indexes under another name, and notes nothing of it", async () => {
    await write(connection, (plain, paths) => {
      plain.put(undefined, "nothing");
      plain.put({ deep: [new Uint8Array([9])] }, "a");
      paths.put({ id: "x", room: "r" });
    });
    const { puts } = recorder.take();
    const content: StoreContent = {
      schema: JSON.parse(JSON.stringify(recorder.schema())) as StoreContent["schema"],
      records: puts,
    };
    const other = new Recorder("@me:home.example#2");
    await other.restore(content);
    assert.deepEqual(other.take(), { puts: [], deletes: [] });
    assert.deepEqual(other.schema(), recorder.schema());
    const again = await open(other);
    const tx = again.transaction(["plain", "paths"], "readonly");
    assert.deepEqual(await resultOf(tx.objectStore("plain").get("a")), { deep: [new Uint8Array([9])] });
    assert.deepEqual(await resultOf(tx.objectStore("paths").index("by_room").get("r")), { id: "x", room: "r" });
    again.close();
    other.close();
  });

  test("hears nothing of another's databases, nor of its own once it is closed", async () => {
    const other = new Recorder("@you:home.example#1");
    const theirs = await open(other);
    await write(theirs, (plain) => plain.put("theirs", "a"));
    assert.deepEqual(recorder.take(), { puts: [], deletes: [] });
    assert.equal(other.take().puts.length, 1);
    other.close();
    await write(theirs, (plain) => plain.put("late", "b"));
    assert.deepEqual(other.take(), { puts: [], deletes: [] });
    theirs.close();
  });

  test("finds keys by how they begin, and notes what it deletes itself", async () => {
    await write(connection, (plain) => {
      for (const key of ["room1:a", "room1:b", "room2:a"]) plain.put(1, key);
    });
    recorder.take();
    assert.deepEqual(recorder.keysWith("things", "plain", "room1"), ["room1:a", "room1:b"]);
    assert.deepEqual(recorder.changedKeys("things", "plain"), []);
    recorder.delete("things", "plain", "room1:a");
    assert.deepEqual(recorder.changedKeys("things", "plain"), ["room1:a"]);
    assert.deepEqual(recorder.changedKeys("things", "paths"), []);
    assert.deepEqual(recorder.take().deletes, [{ database: "things", store: "plain", key: '"room1:a"' }]);
    assert.deepEqual(recorder.keysWith("things", "plain", "room1"), ["room1:b"]);
  });
});
