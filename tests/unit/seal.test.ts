import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { createKeyring, newKey, Sealer } from "../../lib/seal.ts";

const sealer = new Sealer(randomBytes(32));
const unopened = { code: "environment" };

describe("a sealed body", () => {
  test("opens in its row alone, with its key alone", () => {
    const sealed = sealer.seal("said in private: ä", "inbox:1");
    assert.equal(sealer.open(sealed, "inbox:1").toString(), "said in private: ä");
    assert.throws(() => sealer.open(sealed, "inbox:2"), unopened);
    assert.throws(() => sealer.open(sealed, ""), unopened);
    assert.throws(() => new Sealer(randomBytes(32)).open(sealed, "inbox:1"), unopened);
  });

  test("keeps bytes, JSON and nothing at all as they were", () => {
    const bytes = randomBytes(1000);
    assert.deepEqual(sealer.open(sealer.seal(bytes, "row"), "row"), bytes);
    assert.equal(sealer.open(sealer.seal("", "row"), "row").length, 0);
    assert.deepEqual(sealer.openJson(sealer.sealJson({ a: [1, "\u0000"] }, "row"), "row"), { a: [1, "\u0000"] });
  });

  test("does not open with any one byte changed, missing or added", () => {
    const sealed = sealer.seal("ten bytes.", "row");
    for (const at of sealed.keys()) {
      const changed = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ 1 : byte));
      assert.throws(() => sealer.open(changed, "row"), unopened, `byte ${at}`);
      assert.throws(() => sealer.open(sealed.subarray(0, at), "row"), unopened, `${at} bytes`);
    }
    assert.throws(() => sealer.open(Buffer.concat([sealed, Buffer.of(0)]), "row"), unopened);
  });

  test("of another version says so, and no error tells what was sealed", () => {
    const sealed = sealer.seal("canary", "inbox:1");
    assert.equal(sealed[0], 1);
    const other = Uint8Array.from(sealed, (byte, index) => (index === 0 ? 2 : byte));
    assert.throws(() => sealer.open(other, "inbox:1"), { message: "inbox:1: not a sealed body of this version" });
    assert.ok(!Buffer.from(sealed).includes("canary"));
  });

  test("never has the nonce of another, over 10,000 of them", () => {
    const nonces = new Set<string>();
    for (let count = 0; count < 10_000; count += 1)
      nonces.add(Buffer.from(sealer.seal("", "row").subarray(1, 13)).toString("hex"));
    assert.equal(nonces.size, 10_000);
  });
});

describe("the keyring", () => {
  test("has a key for each purpose, the same for the same OPENCLAW_KEY", () => {
    const key = newKey();
    const { bodies, runKeys } = createKeyring(key);
    const sealed = bodies.seal("x", "row");
    assert.equal(createKeyring(` ${key}\n`).bodies.open(sealed, "row").toString(), "x");
    assert.throws(() => runKeys.open(sealed, "row"), unopened);
    assert.throws(() => createKeyring(newKey()).bodies.open(sealed, "row"), unopened);
  });

  test("is not made of a key of another length, which no error tells", () => {
    for (const key of ["", "canary", randomBytes(31).toString("base64"), randomBytes(33).toString("base64")])
      assert.throws(
        () => createKeyring(key),
        (thrown: Error & { code?: string }) =>
          thrown.code === "config_invalid" && (key === "" || !thrown.message.includes(key)),
      );
    assert.throws(() => new Sealer(randomBytes(16)), { code: "config_invalid" });
  });
});
