import assert from "node:assert/strict";
import { test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { isAgeRecipient } from "../../../lib/config/age-recipient.ts";
import { problemsOf, valid } from "./support.ts";

test("every recipient that age makes is one", async () => {
  for (let made = 0; made < 50; made++) assert.ok(isAgeRecipient(await identityToRecipient(await generateIdentity())));
});

test("one character that is another, missing, added or moved makes it none", async () => {
  const recipient = await identityToRecipient(await generateIdentity());
  for (let at = 4; at < recipient.length; at++) {
    const [head, tail] = [recipient.slice(0, at), recipient.slice(at + 1)];
    for (const other of "qpzry9x8gf2tvdw0s3jn54khce6mua7l".replace(recipient[at] ?? "", ""))
      assert.ok(!isAgeRecipient(head + other + tail), `${other} at ${at}`);
    assert.ok(!isAgeRecipient(head + tail), `without ${at}`);
    const next = tail.slice(0, 1);
    if (next !== "" && next !== recipient[at]) assert.ok(!isAgeRecipient(head + next + recipient[at] + tail.slice(1)));
  }
});

test("an identity, an SSH key and a post-quantum recipient are none", async () => {
  for (const text of [
    "",
    "age1",
    (await generateIdentity()).toLowerCase(),
    "ssh-ed25519 AAAA",
    `age1pq1${"q".repeat(55)}`,
  ])
    assert.ok(!isAgeRecipient(text), text);
});

for (const [what, audit, problem] of [
  [
    "a mistyped recipient",
    'recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q"',
    /^audit\.recipient: must be a whole age recipient/,
  ],
  [
    "a retention without a recipient",
    "gateway_retention_days = 30",
    /^audit\.gateway_retention_days: nobody could open a run after it/,
  ],
] as const)
  test(`${what} is refused with what to do`, (t) => {
    const [found, ...more] = problemsOf(t, `${valid}\n[audit]\n${audit}\n`);
    assert.match(found ?? "", problem);
    assert.deepEqual(more, []);
  });
