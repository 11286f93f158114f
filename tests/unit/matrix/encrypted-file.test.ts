import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClawError } from "../../../lib/errors.ts";
import { decryptFile, encryptFile, readEncryption } from "../../../lib/matrix/encrypted-file.ts";

const ones = "__________________________________________8";

/** Those of version 2 in matrix-encrypt-attachment, the library Element uses: encrypted, key, iv, SHA-256, plain. */
const vectors: [string, string, string, string, string][] = [
  ["", "A".repeat(43), "A".repeat(22), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", ""],
  ["5xJZTt5cQicm+9f4", ones, "//////////8AAAAAAAAAAA", "YzF08lARDdOCzJpzuSwsjTNlQc4pHxpdHcXiD/wpK6k", "Hello, World"],
  [
    "zhtFStAeFx0s+9L/sSQO+WQMtldqYEHqTxMduJrCIpnkyer09kxJJuA4K+adQE4w+7jZe/vR9kIcqj9rOhDR8Q",
    ones,
    "//////////8AAAAAAAAAAA",
    "IOq7/dHHB+mfHfxlRY5XMeCWEwTPmlf4cJcgrkf6fVU",
    "alphanumerically".repeat(4),
  ],
];

const whole = {
  v: "v2",
  url: "mxc://home.example/abc",
  key: { kty: "oct", alg: "A256CTR", k: ones, ext: true, key_ops: ["encrypt", "decrypt"] },
  iv: "//////////8AAAAAAAAAAA",
  hashes: { sha256: "YzF08lARDdOCzJpzuSwsjTNlQc4pHxpdHcXiD/wpK6k" },
};

/** Told to the person, in words without keys. */
const told =
  (say: RegExp) =>
  (thrown: unknown): boolean =>
    thrown instanceof ClawError && say.test(thrown.say ?? "") && !thrown.message.includes(ones);

describe("encrypted attachments", () => {
  for (const [encrypted, key, iv, sha256, plain] of vectors)
    test(`the known file of ${plain.length} bytes opens`, () => {
      assert.equal(decryptFile(Buffer.from(encrypted, "base64"), { key, iv, sha256 }).toString(), plain);
    });

  test("what is encrypted opens again, by a message's file alone", () => {
    const plain = Buffer.from("canary ".repeat(1000));
    const { bytes, fileAt } = encryptFile(plain);
    assert.ok(!bytes.includes("canary"));
    const file = fileAt("mxc://home.example/abc");
    const encryption = readEncryption(JSON.parse(JSON.stringify(file)) as Record<string, unknown>);
    assert.ok(encryption);
    assert.deepEqual(decryptFile(bytes, encryption), plain);
  });

  test("every file has a key and a nonce of its own, and a counter at zero; nothing is padded", () => {
    const files = [encryptFile(Buffer.from("x")), encryptFile(Buffer.from("x"))].map(({ fileAt }) =>
      fileAt("mxc://a/b"),
    );
    assert.equal(new Set(files.flatMap(({ key, iv }) => [key.k, iv])).size, 4);
    for (const { key, iv, hashes } of files) {
      assert.ok(Buffer.from(iv, "base64").subarray(8).equals(Buffer.alloc(8)));
      assert.match(key.k, /^[A-Za-z0-9_-]{43}$/);
      for (const text of [iv, hashes.sha256]) assert.match(text, /^[A-Za-z0-9+/]+$/);
    }
  });

  test("a changed byte, and another file's hash, are refused before anything is decrypted", () => {
    const { bytes, fileAt } = encryptFile(Buffer.from("hello"));
    const encryption = readEncryption({ ...fileAt("mxc://a/b") });
    assert.ok(encryption);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    assert.throws(() => decryptFile(bytes, encryption), told(/arrived damaged/));
    assert.throws(() => decryptFile(Buffer.alloc(0), encryption), told(/arrived damaged/));
  });

  test("a key, iv or hash of another length is refused", () => {
    const encryption = { key: ones, iv: whole.iv, sha256: whole.hashes.sha256 };
    for (const change of [{ key: "AAAA" }, { iv: "AAAA" }, { sha256: "" }, { key: `${ones}AAAA` }])
      assert.throws(() => decryptFile(Buffer.alloc(1), { ...encryption, ...change }), told(/cannot decrypt/));
  });

  test("padded base64 of either alphabet is read too", () => {
    const padded = { ...whole, iv: `${whole.iv.replaceAll("/", "_")}==`, key: { ...whole.key, k: `${ones}=` } };
    const encryption = readEncryption(padded);
    assert.ok(encryption);
    assert.equal(decryptFile(Buffer.from("5xJZTt5cQicm+9f4", "base64"), encryption).toString(), "Hello, World");
  });

  const broken: [string, object][] = [
    ["version 1", { v: "v1" }],
    ["no version", { v: undefined }],
    ["another algorithm", { key: { ...whole.key, alg: "A256GCM" } }],
    ["a key of 16 bytes", { key: { ...whole.key, k: "A".repeat(22) } }],
    ["a key that is no text", { key: { ...whole.key, k: 7 } }],
    ["no key", { key: null }],
    ["a short iv", { iv: "AAAAAAAAAAA" }],
    ["an iv with what is no base64", { iv: "//////////8AAAAAAAAAA!" }],
    ["no hash", { hashes: {} }],
    ["a hash that is too long", { hashes: { sha256: "A".repeat(86) } }],
  ];
  for (const [what, change] of broken)
    test(`a file with ${what} is not read`, () => {
      assert.equal(readEncryption({ ...whole, ...change }), undefined);
    });
});
