/**
 * IndexedDB in memory, with every change of a record noted, so that what one call of the crypto machine changed can be
 * committed elsewhere in one transaction. The notes are taken inside fake-indexeddb (pinned to one version; a test tells
 * when its insides move): there a rolled back change is a change too, a range is its keys, and order does not matter.
 */
import "fake-indexeddb/auto";
import type {
  DatabaseSchema,
  StoreChanges,
  StoreContent,
  StoreRecord,
  StoreSchema,
} from "../../ledger/matrix-store.ts";
import { decode, encode } from "./codec.ts";

interface RawRecord {
  readonly key: unknown;
  readonly value: unknown;
}

interface RawStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly rawDatabase: RawDatabase;
  readonly rawIndexes: ReadonlyMap<
    string,
    { readonly keyPath: string | string[]; readonly unique: boolean; readonly multiEntry: boolean }
  >;
  readonly records: { get(key: unknown): RawRecord | undefined; values(range?: unknown): Iterable<RawRecord> };
  storeRecord(record: { key: unknown }, ...rest: unknown[]): unknown;
  deleteRecord(key: unknown, ...rest: unknown[]): void;
  clear(...rest: unknown[]): void;
}

interface RawDatabase {
  readonly name: string;
  readonly version: number;
  readonly rawObjectStores: ReadonlyMap<string, RawStore>;
}

interface OpenRequest {
  result: Connection;
  onupgradeneeded: (() => void) | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface Connection {
  createObjectStore(
    name: string,
    options: { keyPath?: string | string[]; autoIncrement: boolean },
  ): { createIndex(name: string, keyPath: string | string[], options: { unique: boolean; multiEntry: boolean }): void };
  readonly _rawDatabase: RawDatabase;
  close(): void;
}

const { indexedDB: factory, IDBKeyRange: KeyRange } = globalThis as unknown as {
  indexedDB: { _databases: Map<string, RawDatabase>; open(name: string, version: number): OpenRequest };
  IDBKeyRange: { new (): object; only(key: unknown): object };
};

/** What separates the owner from a database's own name; matrix-sdk-crypto names its databases that way. */
const separator = "::";

/** The databases of one owner, and what was changed in them. Only one recorder of a name at a time. */
export class Recorder {
  /** Goes in front of its databases' names: what a crypto store is opened with. */
  readonly name: string;
  readonly #changed = new Map<RawStore, Map<string, unknown>>();

  constructor(name: string) {
    this.name = name;
    recorders.set(name, this);
  }

  /** Puts back what was kept. Call before the store is opened; it is not noted as a change. */
  async restore({ schema, records }: StoreContent): Promise<void> {
    const databases = new Map<string, RawDatabase>();
    for (const [database, wanted] of Object.entries(schema))
      databases.set(database, await this.#make(database, wanted));
    for (const { database, store, key, value } of records)
      databases
        .get(database)
        ?.rawObjectStores.get(store)
        ?.storeRecord({ key: decode(key), value: decode(value) } as RawRecord);
    this.#changed.clear();
  }

  /** The changes since the last call. Call when no transaction is under way. */
  take(): StoreChanges {
    const puts: StoreRecord[] = [];
    const deletes: Omit<StoreRecord, "value">[] = [];
    for (const [store, keys] of this.#changed) {
      const database = this.#short(store.rawDatabase.name);
      for (const [text, key] of keys) {
        const record = store.records.get(key);
        if (record) puts.push({ database, store: store.name, key: text, value: encode(record.value) });
        else deletes.push({ database, store: store.name, key: text });
      }
    }
    this.#changed.clear();
    return { puts, deletes };
  }

  /** The databases as they are; they change only while a store is opened. */
  schema(): StoreSchema {
    return Object.fromEntries(
      this.#databases().map(({ name, version, rawObjectStores }) => [
        this.#short(name),
        { version, stores: [...rawObjectStores.values()].map(schemaOf) },
      ]),
    );
  }

  /** Keys of a store that begin with a prefix. */
  keysWith(database: string, store: string, prefix: string): string[] {
    const records = factory._databases.get(this.name + separator + database)?.rawObjectStores.get(store)?.records;
    return [...(records?.values() ?? [])].map(({ key }) => String(key)).filter((key) => key.startsWith(prefix));
  }

  /** Keys of a store that were changed since the last `take`. */
  changedKeys(database: string, store: string): string[] {
    const found = [...this.#changed].find(
      ([{ name, rawDatabase }]) => name === store && this.#short(rawDatabase.name) === database,
    );
    return [...(found?.[1].values() ?? [])].map(String);
  }

  /** Deletes a record, noted as a change. */
  delete(database: string, store: string, key: string): void {
    factory._databases
      .get(this.name + separator + database)
      ?.rawObjectStores.get(store)
      ?.deleteRecord(key);
  }

  /** Forgets the databases. Call after the machine over them is closed. */
  close(): void {
    recorders.delete(this.name);
    this.#changed.clear();
    for (const { name } of this.#databases()) factory._databases.delete(name);
  }

  note(store: RawStore, key: unknown): void {
    const keys = this.#changed.get(store) ?? new Map<string, unknown>();
    this.#changed.set(store, keys.set(encode(key), key));
  }

  #databases(): RawDatabase[] {
    return [...factory._databases.values()].filter(({ name }) => ownerOf(name) === this.name);
  }

  #short(name: string): string {
    return name.slice(this.name.length + separator.length);
  }

  #make(database: string, { version, stores }: DatabaseSchema): Promise<RawDatabase> {
    const { promise, resolve, reject } = Promise.withResolvers<RawDatabase>();
    const opening = factory.open(this.name + separator + database, version);
    opening.onupgradeneeded = () => {
      for (const { name, keyPath, autoIncrement, indexes } of stores) {
        const store = opening.result.createObjectStore(name, { ...(keyPath !== null && { keyPath }), autoIncrement });
        for (const { name: index, keyPath: path, unique, multiEntry } of indexes)
          store.createIndex(index, path, { unique, multiEntry });
      }
    };
    opening.onsuccess = () => {
      const raw = opening.result._rawDatabase;
      opening.result.close();
      resolve(raw);
    };
    opening.onerror = () => reject(new Error(`the crypto store ${database} could not be made`));
    return promise;
  }
}

const recorders = new Map<string, Recorder>();

const ownerOf = (database: string): string => database.slice(0, database.lastIndexOf(separator));

const schemaOf = ({ name, keyPath, autoIncrement, rawIndexes }: RawStore): DatabaseSchema["stores"][number] => ({
  name,
  keyPath,
  autoIncrement,
  indexes: [...rawIndexes].map(([index, { keyPath: path, unique, multiEntry }]) => ({
    name: index,
    keyPath: path,
    unique,
    multiEntry,
  })),
});

/** Puts the notes into fake-indexeddb's object store, whose class it does not export. */
async function watch(): Promise<void> {
  const probe = new Recorder("openclaw-probe");
  const stores = [{ name: "probe", keyPath: null, autoIncrement: false, indexes: [] }];
  await probe.restore({ schema: { probe: { version: 1, stores } }, records: [] });
  const store = factory._databases.get(`openclaw-probe${separator}probe`)?.rawObjectStores.get("probe");
  if (!store) throw new Error("fake-indexeddb's insides have moved: it must be version 6.2.8");
  const prototype = Object.getPrototypeOf(store) as RawStore;
  const note = (changed: RawStore, key: unknown): void =>
    recorders.get(ownerOf(changed.rawDatabase.name))?.note(changed, key);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
  const { storeRecord, deleteRecord, clear } = prototype;
  Object.assign(prototype, {
    storeRecord(this: RawStore, ...given: Parameters<RawStore["storeRecord"]>): unknown {
      const key = storeRecord.apply(this, given);
      note(this, key);
      return key;
    },
    deleteRecord(this: RawStore, ...given: Parameters<RawStore["deleteRecord"]>): void {
      const range: unknown = given[0] instanceof KeyRange ? given[0] : KeyRange.only(given[0]);
      for (const { key } of [...this.records.values(range)]) note(this, key);
      deleteRecord.apply(this, given);
    },
    clear(this: RawStore, ...given: unknown[]): void {
      for (const { key } of this.records.values()) note(this, key);
      clear.apply(this, given);
    },
  } satisfies Pick<RawStore, "storeRecord" | "deleteRecord" | "clear">);
  probe.close();
}

await watch();
