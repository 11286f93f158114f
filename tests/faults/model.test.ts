import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { lastRun } from "../support/journal.ts";
import type { Turn } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({
    config: (toml) => toml.replace("retries = 0", "retries = 1\nstall_seconds = 1\ntimeout_seconds = 20"),
  });
});
after(() => stage.stop());

const faults: [string, Turn][] = [
  ["429 with Retry-After", { status: 429, headers: { "retry-after": "0" } }],
  ["429 without Retry-After", { status: 429 }],
  ["500", { status: 500 }],
  ["a page that is no JSON", { status: 502, body: "<html>bad gateway</html>" }],
  ["silence", { hang: true }],
  ["a stream that stalls", { text: "half of an answer that never", hangAfter: 2 }],
  ["a stream that is cut", { text: "half of an answer that never", cutAfter: 2 }],
  ["a stream that ends without its end", { text: "half of an answer that never", endAfter: 2 }],
  ["a stream of no JSON", { raw: "data: {broken\n\n" }],
  ["a stream that tells an error", { raw: 'data: {"error":{"message":"overloaded","code":503}}\n\n' }],
  [
    "a tool call cut off in the stream",
    { toolCalls: [{ name: "commitments_add", arguments: { text: "water the plants" } }], cutAfter: 2 },
  ],
  [
    "a tool call whose stream ends early",
    { toolCalls: [{ name: "commitments_add", arguments: { text: "water the plants" } }], endAfter: 2 },
  ],
];

for (const [what, fault] of faults)
  test(`${what} is tried again once, and nothing of the broken answer is used`, async () => {
    const person = stage.person();
    stage.model.setScript([fault, { text: "Whole." }]);
    const before = stage.model.requests.length;
    await stage.say(person, "hi");
    assert.equal(await stage.heard(person), "Whole.");
    assert.equal(stage.model.requests.length, before + 2);
    assert.equal((await stage.gateway.sql`select 1 from commitments`).length, 0);
    assert.equal((await lastRun(stage.gateway.sql, person))["steps"], 1);
  });

test("a model that stays broken ends the run with a friendly line, after every attempt", async () => {
  const person = stage.person();
  stage.model.setScript({ status: 503 });
  const before = stage.model.requests.length;
  await stage.say(person, "hi");
  assert.match(await stage.heard(person), /^I cannot think just now.* \(run [0-9a-f]{8}\)$/);
  assert.equal(stage.model.requests.length, before + 2);
});
