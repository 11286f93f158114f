/** A crypto store for another key: every value is encrypted anew, with a key that nobody has had. */
import { randomBytes, randomUUID } from "node:crypto";
import { ClawError, messageOf } from "../../errors.ts";
import type { StoreContent, StoreRecord } from "../../ledger/matrix-store.ts";
import { decode, encode } from "./codec.ts";
import {
  decryptValue,
  type EncryptedValue,
  encryptValue,
  openStoreCipher,
  type StoreCipher,
  wrapStoreCipher,
} from "./store-cipher.ts";
import { loadWasm } from "./wasm.ts";

/** Whose store it is. */
export interface StoreOwner {
  /** Full user id. */
  readonly user: string;
  readonly deviceId: string;
}

/** Keys that a store is opened with, 32 bytes each. */
export interface StoreKeys {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/**
 * The same store for another key. It is proven before it is returned: a machine opens it with the new key and has the same identity,
 * and the old key opens it no more. Throws ClawError `environment`.
 */
export async function rekeyStore(owner: StoreOwner, content: StoreContent, keys: StoreKeys): Promise<StoreContent> {
  const records = rekeyed(owner.user, content.records, keys);
  const fresh = { schema: content.schema, records };
  const [before, after] = [await identityIn(owner, content, keys.from), await identityIn(owner, fresh, keys.to)];
  if (before === after && !(await opens(owner, fresh, keys.from))) return fresh;
  throw new ClawError(
    "environment",
    `${owner.user}: its crypto store could not be encrypted anew; nothing was changed`,
  );
}

const isCipherRecord = ({ database, key }: StoreRecord): boolean =>
  database === "matrix-sdk-crypto-meta" && key === encode("store_cipher");

function rekeyed(user: string, records: readonly StoreRecord[], { from, to }: StoreKeys): StoreRecord[] {
  const wrapped = records.filter(isCipherRecord);
  if (wrapped.length !== 1)
    throw new ClawError("environment", `${user}: its crypto store has ${wrapped.length} keys of its own, and not one`);
  try {
    const old = openStoreCipher(Uint8Array.from(decode(wrapped[0]?.value ?? "") as number[]), from);
    const fresh: StoreCipher = { values: randomBytes(32), names: old.names };
    return records.map((record) => ({
      ...record,
      value: encode(isCipherRecord(record) ? [...wrapStoreCipher(fresh, to)] : anew(decode(record.value), old, fresh)),
    }));
  } catch (cause) {
    throw new ClawError("environment", `${user}: its crypto store cannot be encrypted anew: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Ciphertexts wherever they stand in a value; what is beside them are hashes, counts and flags. */
function anew(value: unknown, old: StoreCipher, fresh: StoreCipher): unknown {
  if (Array.isArray(value)) {
    if (value.length === 0 || typeof value[0] !== "number") return value.map((item) => anew(item, old, fresh));
    return [...Buffer.from(JSON.stringify(asNumbers(again(fromNumbers(value as number[]), old, fresh))))];
  }
  if (value instanceof Uint8Array) throw unknownForm("bytes");
  if (typeof value !== "object" || value === null) return value;
  if ("ciphertext" in value) return again(value as EncryptedValue, old, fresh);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, anew(item, old, fresh)]));
}

function again(value: EncryptedValue, old: StoreCipher, fresh: StoreCipher): EncryptedValue {
  if (value.version !== 1 || Object.keys(value).length !== 3) throw unknownForm(`version ${value.version}`);
  return encryptValue(fresh, decryptValue(old, value));
}

/** Some values are kept as the bytes of JSON, with numbers in place of base64. */
function fromNumbers(bytes: readonly number[]): EncryptedValue {
  const { version, ciphertext, nonce } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<
    keyof EncryptedValue,
    never
  >;
  const base64 = (numbers: readonly number[]): string => Buffer.from(numbers).toString("base64");
  return { version, ciphertext: base64(ciphertext), nonce: base64(nonce) };
}

const asNumbers = ({ version, ciphertext, nonce }: EncryptedValue): object => ({
  version,
  ciphertext: [...Buffer.from(ciphertext, "base64")],
  nonce: [...Buffer.from(nonce, "base64")],
});

const unknownForm = (what: string): ClawError =>
  new ClawError("environment", `it holds ${what}, which is not known: was matrix-sdk-crypto-wasm upgraded?`);

const opens = (owner: StoreOwner, content: StoreContent, key: Uint8Array): Promise<boolean> =>
  identityIn(owner, content, key).then(
    () => true,
    () => false,
  );

/** The device's public keys, by a machine over a copy of the store. Throws where the key is another. */
async function identityIn({ user, deviceId }: StoreOwner, content: StoreContent, key: Uint8Array): Promise<string> {
  const wasm = await loadWasm();
  const { Recorder } = await import("./indexed-db.ts");
  const recorder = new Recorder(`${user}#${randomUUID()}`);
  try {
    await recorder.restore(content);
    const handle = await wasm.StoreHandle.openWithKey(recorder.name, key);
    const machine = await wasm.OlmMachine.initFromStore(new wasm.UserId(user), new wasm.DeviceId(deviceId), handle);
    const { ed25519, curve25519 } = machine.identityKeys;
    const identity = `${ed25519.toBase64()} ${curve25519.toBase64()}`;
    machine.close();
    return identity;
  } finally {
    recorder.close();
  }
}
