import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KnownIdentity } from "../../../../lib/ledger/matrix-identities.ts";
import { type Belief, judgeSender, type SenderFacts } from "../../../../lib/matrix/crypto/believe.ts";

const signed: SenderFacts = {
  device: { id: "PHONE", ed25519: "phone-key", crossSigned: true },
  masterKey: "first",
  authentic: true,
};
const unsigned: SenderFacts = { ...signed, device: { id: "PHONE", ed25519: "phone-key", crossSigned: false } };
const known = (more: Partial<KnownIdentity> = {}): KnownIdentity => ({
  user: "@me:home.example",
  masterKey: "first",
  verified: false,
  trustedDevices: [],
  seen: { masterKey: undefined, device: undefined },
  ...more,
});

const yes: Belief = { believed: true };
const no = (why: Extract<Belief, { believed: false }>["why"]): Belief => ({ believed: false, why });

const table: readonly [title: string, facts: SenderFacts, known: KnownIdentity | undefined, belief: Belief][] = [
  ["a person never met is believed, and their identity pinned", signed, undefined, { believed: true, pin: "first" }],
  [
    "who was only refused before is pinned as well",
    signed,
    known({ masterKey: undefined }),
    { believed: true, pin: "first" },
  ],
  ["the identity first seen is believed", signed, known(), yes],
  ["another identity is not", { ...signed, masterKey: "second" }, known(), no("another identity")],
  [
    "another identity is not, even verified before",
    { ...signed, masterKey: "second" },
    known({ verified: true }),
    no("another identity"),
  ],
  ["an unsigned device of the pinned identity is not", unsigned, known(), no("unsigned device")],
  [
    "an unsigned device of a person never met is not, and nothing is pinned",
    unsigned,
    undefined,
    no("unsigned device"),
  ],
  ["an unsigned device that the operator trusts is", unsigned, known({ trustedDevices: ["phone-key"] }), yes],
  [
    "a trusted device is believed under another identity too",
    { ...unsigned, masterKey: "second" },
    known({ trustedDevices: ["phone-key"] }),
    yes,
  ],
  [
    "trust goes by the key, not by the device's id",
    unsigned,
    known({ trustedDevices: ["PHONE"] }),
    no("unsigned device"),
  ],
  [
    "an identity the homeserver hides is not believed",
    { ...unsigned, masterKey: undefined },
    known(),
    no("unsigned device"),
  ],
  [
    "without an identity a signed device cannot be",
    { ...signed, masterKey: undefined },
    undefined,
    no("unsigned device"),
  ],
  ["a device that the account does not list is not", { ...signed, device: undefined }, known(), no("unknown device")],
  ["a key handed on by somebody else is not", { ...signed, authentic: false }, known(), no("forwarded key")],
  [
    "a key handed on is not, though the device is trusted",
    { ...unsigned, authentic: false },
    known({ trustedDevices: ["phone-key"] }),
    no("forwarded key"),
  ],
];

describe("of a sender", () => {
  for (const [title, facts, identity, belief] of table)
    test(title, () => assert.deepEqual(judgeSender(facts, identity, "cross-signed"), belief));

  test('everybody is believed and nobody pinned with sender_trust = "any"', () => {
    for (const [, facts, identity] of table) assert.deepEqual(judgeSender(facts, identity, "any"), yes);
  });
});
