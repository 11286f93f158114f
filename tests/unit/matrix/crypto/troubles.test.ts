import assert from "node:assert/strict";
import { test } from "node:test";
import { Troubles } from "../../../../lib/matrix/crypto/troubles.ts";

test("the first trouble is shown until it is over, then the next; each change is heard of once", () => {
  const heard: (string | undefined)[] = [];
  const troubles = new Troubles((first) => void heard.push(first));
  troubles.set("pull", undefined);
  troubles.set("pull", "no pull");
  troubles.set("encrypt", "no send");
  troubles.set("pull", "no pull");
  assert.equal(troubles.first, "no pull");
  troubles.set("pull", undefined);
  troubles.set("encrypt", undefined);
  assert.equal(troubles.first, undefined);
  assert.deepEqual(heard, ["no pull", "no send", undefined]);
});

test("three messages in a row that cannot be read are a trouble, two are not, and one that can ends it", () => {
  const troubles = new Troubles(() => {});
  troubles.decrypted(false);
  troubles.decrypted(false);
  troubles.decrypted(true);
  troubles.decrypted(false);
  troubles.decrypted(false);
  assert.equal(troubles.first, undefined);
  troubles.decrypted(false);
  assert.match(troubles.first ?? "", /last 3 encrypted messages could not be read/);
  troubles.decrypted(true);
  assert.equal(troubles.first, undefined);
});
