import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal } from "../../../lib/channel/types.ts";
import { agentsFor, groupsOf, mayTalk } from "../../../lib/policy/access.ts";
import { agentOf, loadHousehold } from "./support.ts";

const names = (things: readonly { name: string }[]): string[] => things.map(({ name }) => name);

test("a person talks to the agents their groups name, on the channels the agent is on", (t) => {
  const config = loadHousehold(t);
  assert.deepEqual(names(agentsFor(config, "matrix:@me:home.example", "matrix", undefined)), ["ops", "helper"]);
  assert.deepEqual(names(agentsFor(config, "telegram:123456789", "telegram", undefined)), ["ops"]);
  assert.deepEqual(names(agentsFor(config, "matrix:@kid:home.example", "matrix", undefined)), ["helper"]);
});

test("a stranger is in no group and talks to nobody", (t) => {
  const config = loadHousehold(t);
  for (const stranger of ["telegram:1234567890", "telegram:12345678", "telegram:", "matrix:@"] as Principal[]) {
    assert.deepEqual(groupsOf(config, stranger, undefined), []);
    assert.deepEqual(agentsFor(config, stranger, "telegram", undefined), []);
    assert.equal(mayTalk(config, stranger, agentOf(config, "ops"), undefined), false);
  }
});

test("CVE-2026-28471: neither a display name nor the localpart of another homeserver matches", (t) => {
  const config = loadHousehold(t);
  const imposters = [
    "matrix:@me:evil.example",
    "matrix:@me:home.example.evil.example",
    "matrix:@me:home.example:8448",
    "matrix:@me",
    "matrix:me",
    "matrix:me:home.example",
    "matrix:@Me:home.example",
    "matrix:@me:HOME.example",
    "matrix:@me:home.example ",
    "matrix:@mе:home.example",
    "telegram:@me:home.example",
  ] as Principal[];
  for (const imposter of imposters) assert.deepEqual(groupsOf(config, imposter, undefined), [], imposter);
});

test("CVE-2026-28480: a Telegram username never matches, only the numeric id", (t) => {
  const config = loadHousehold(t);
  for (const imposter of [
    "telegram:me",
    "telegram:@me",
    "telegram:0123456789",
    "telegram:123456789.0",
    "telegram:1.23456789e8",
  ])
    assert.deepEqual(groupsOf(config, imposter as Principal, undefined), [], imposter);
  assert.deepEqual(names(groupsOf(config, "telegram:123456789", undefined)), ["owners"]);
});
